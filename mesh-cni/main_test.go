package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const previous = `{"cniVersion":"1.0.0","interfaces":[{"name":"veth1"},{"name":"eth0","sandbox":"/run/ns"}],` +
	`"ips":[{"address":"10.0.0.2/24","interface":1}],"dns":{}}`

const injected = `{\"initContainers\":[\"istio-validation\",\"istio-proxy\"],\"containers\":[]}`

type call struct {
	command, namespace, name string
	socket                   string
	annotations              string // JSON; empty: the runtime passes none
	more                     string // of the configuration
	previous                 string
}

func (c call) run(t *testing.T) (status int, said string) {
	t.Helper()
	network := filepath.Join(t.TempDir(), "netns")
	if err := os.WriteFile(network, []byte("the pod's network"), 0o600); err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{
		"CNI_COMMAND": c.command, "CNI_CONTAINERID": "c1", "CNI_NETNS": network, "CNI_IFNAME": "eth0",
		"CNI_ARGS": "IgnoreUnknown=1;K8S_POD_NAMESPACE=" + c.namespace + ";K8S_POD_NAME=" + c.name + ";K8S_POD_UID=u1",
	}
	configuration := fmt.Sprintf(`{"cniVersion":"1.0.0","name":"net","type":"mesh-cni","socket":%q,"timeoutSeconds":1,`+
		`"excludeNamespaces":["kube-system"],"agent":{"namespace":"mesh-system","name":"mesh-node-agent"}`, c.socket)
	if c.annotations != "" {
		configuration += `,"runtimeConfig":{"io.kubernetes.cri.pod-annotations":` + c.annotations + `}`
	}
	if c.previous != "" {
		configuration += `,"prevResult":` + c.previous
	}
	configuration += c.more + "}"
	var out bytes.Buffer
	status = run(func(name string) string { return environment[name] }, strings.NewReader(configuration), &out)
	return status, out.String()
}

// agentThat listens as the node agent does, and gives what it was told to one pod.
func agentThat(t *testing.T, answer string) (socket string, told chan string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "agent.sock")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	told = make(chan string, 1)
	go func() {
		accepted, err := listener.Accept()
		if err != nil {
			return
		}
		defer accepted.Close()
		connection := accepted.(*net.UnixConn)
		rights := make([]byte, 64)
		_, n, _, _, err := connection.ReadMsgUnix(make([]byte, 1), rights)
		if err != nil {
			return
		}
		messages, err := syscall.ParseSocketControlMessage(rights[:n])
		if err != nil || len(messages) != 1 {
			return
		}
		files, err := syscall.ParseUnixRights(&messages[0])
		if err != nil {
			return
		}
		network := os.NewFile(uintptr(files[0]), "network")
		defer network.Close()
		content := make([]byte, 100)
		read, _ := network.Read(content)
		if _, err := connection.Write([]byte{'\n'}); err != nil {
			return
		}
		line, err := bufio.NewReader(connection).ReadString('\n')
		if err != nil {
			return
		}
		told <- string(content[:read]) + " " + line
		if answer != "" {
			_, _ = connection.Write([]byte(answer + "\n"))
		} else {
			_, _ = connection.Read(make([]byte, 1)) // never answers
		}
	}()
	return socket, told
}

func TestTheAgentIsToldOfThePodAndTheResultPassesThrough(t *testing.T) {
	socket, told := agentThat(t, `{}`)
	status, said := call{command: "ADD", namespace: "shop", name: "cart-1", socket: socket, previous: previous,
		annotations: `{"sidecar.istio.io/status":"` + injected + `"}`}.run(t)
	if status != 0 || said != previous {
		t.Fatalf("%d %s", status, said)
	}
	text := <-told
	content, line, _ := strings.Cut(text, " {")
	if content != "the pod's network" {
		t.Errorf("the agent got the file with %q", content)
	}
	var p pod
	if err := json.Unmarshal([]byte("{"+line), &p); err != nil {
		t.Fatal(err)
	}
	if p.Namespace != "shop" || p.Name != "cart-1" || p.UID != "u1" || p.ContainerID != "c1" || p.Interface != "eth0" ||
		len(p.Interfaces) != 1 || p.Interfaces[0] != "eth0" {
		t.Errorf("%+v", p)
	}
}

func TestAPodThatNeedsNothingDoesNotAskTheAgent(t *testing.T) {
	for name, c := range map[string]call{
		"not injected":           {namespace: "shop", name: "plain", annotations: `{"a":"b"}`},
		"annotations are null":   {namespace: "shop", name: "plain", annotations: `null`},
		"with an init container": {namespace: "shop", name: "cart", annotations: `{"sidecar.istio.io/status":"{\"initContainers\":[\"istio-init\"]}"}`},
		"excluded namespace":     {namespace: "kube-system", name: "dns"},
		"the agent itself":       {namespace: "mesh-system", name: "mesh-node-agent-x7"},
		"no pod of Kubernetes":   {},
	} {
		t.Run(name, func(t *testing.T) {
			c.command, c.socket, c.previous = "ADD", "/nowhere", previous
			if status, said := c.run(t); status != 0 || said != previous {
				t.Errorf("%d %s", status, said)
			}
		})
	}
}

func TestWithoutTheAgentAPodThatNeedsItWaits(t *testing.T) {
	for name, annotations := range map[string]string{
		"injected":                     `{"sidecar.istio.io/status":"` + injected + `"}`,
		"unreadable status":            `{"sidecar.istio.io/status":"?"}`,
		"the runtime passes no others": "",
	} {
		t.Run(name, func(t *testing.T) {
			status, said := call{command: "ADD", namespace: "shop", name: "cart-1", socket: "/nowhere/agent.sock",
				previous: previous, annotations: annotations}.run(t)
			expectFailure(t, status, said, tryAgainLater, "the traffic of pod shop/cart-1 cannot be brought to its proxy: the"+
				" node agent of the mesh does not answer on this node (dial unix /nowhere/agent.sock: connect: no such file or"+
				" directory); the pod starts when a pod of DaemonSet mesh-system/mesh-node-agent runs here")
		})
	}
}

func TestANoOfTheAgentIsSaid(t *testing.T) {
	socket, _ := agentThat(t, `{"error":"iptables-restore is not there"}`)
	status, said := call{command: "ADD", namespace: "shop", name: "cart-1", socket: socket, previous: previous}.run(t)
	expectFailure(t, status, said, refused,
		"the traffic of pod shop/cart-1 cannot be brought to its proxy: iptables-restore is not there")
}

func TestAnAgentThatDoesNotAnswerIsNotWaitedForLong(t *testing.T) {
	socket, _ := agentThat(t, "")
	started := time.Now()
	status, said := call{command: "ADD", namespace: "shop", name: "cart-1", socket: socket, previous: previous}.run(t)
	expectFailure(t, status, said, tryAgainLater, "i/o timeout")
	if time.Since(started) > 20*time.Second {
		t.Errorf("waited for %v", time.Since(started))
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	status, said := call{command: "ADD", namespace: "shop", name: "cart"}.run(t)
	expectFailure(t, status, said, wrongConfiguration, "expected: prevResult")
	status, said = call{command: "ADD", namespace: "shop", name: "cart", previous: previous}.run(t)
	expectFailure(t, status, said, wrongConfiguration, "expected: the node agent's")
	status, said = call{command: "ADD", more: `,"cniVersion":"0.2.0"`, previous: previous}.run(t)
	expectFailure(t, status, said, incompatibleVersion, "0.2.0")
	status, said = call{command: "ADD", more: `,,`}.run(t)
	expectFailure(t, status, said, unreadableInput, "not what CNI gives")
	status, said = call{command: "HELP"}.run(t)
	expectFailure(t, status, said, wrongEnvironment, "run by container runtimes")
}

func TestOtherCommandsNeedNoAgent(t *testing.T) {
	for _, command := range []string{"DEL", "CHECK", "GC", "STATUS"} {
		if status, said := (call{command: command, namespace: "shop", name: "cart", socket: "/nowhere"}).run(t); status != 0 || said != "" {
			t.Errorf("%s: %d %s", command, status, said)
		}
	}
	status, said := call{command: "VERSION"}.run(t)
	if status != 0 || !strings.Contains(said, `"supportedVersions":["0.3.0","0.3.1","0.4.0","1.0.0","1.1.0"]`) {
		t.Errorf("%d %s", status, said)
	}
}

func expectFailure(t *testing.T, status int, said string, code int, message string) {
	t.Helper()
	var f failure
	if err := json.Unmarshal([]byte(said), &f); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	if status != 1 || f.Code != code || !strings.Contains(f.Message, message) || f.Version == "" {
		t.Errorf("%d %+v (expected: %s)", status, f, message)
	}
}
