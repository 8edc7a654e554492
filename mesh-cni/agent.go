package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// answer is what the agent says: an empty error is yes.
type answer struct {
	Error string `json:"error"`
}

// ask has the agent lay the pod's rules. The pod's network namespace goes to it as an open file (SCM_RIGHTS), so that
// the agent needs no view of the host's files; when it has that it says so with one byte, and the rest is a line of JSON
// in each direction.
func (c *configuration) ask(p pod) error {
	limit := 30 * time.Second
	if c.TimeoutSeconds > 0 {
		limit = time.Duration(c.TimeoutSeconds) * time.Second
	}
	network, err := os.Open(p.Network)
	if err != nil {
		return fail(wrongEnvironment, "the network of pod %s/%s cannot be opened: %v", p.Namespace, p.Name, err)
	}
	defer network.Close()
	p.Interfaces = c.interfaces()
	said, err := talk(c.Socket, time.Now().Add(limit), network, p)
	if err != nil {
		return fail(tryAgainLater, "the traffic of pod %s/%s cannot be brought to its proxy: the node agent of the mesh does"+
			" not answer on this node (%v); the pod starts when a pod of DaemonSet %s/%s runs here",
			p.Namespace, p.Name, err, c.Agent.Namespace, c.Agent.Name)
	}
	if said.Error != "" {
		return fail(refused, "the traffic of pod %s/%s cannot be brought to its proxy: %s", p.Namespace, p.Name, said.Error)
	}
	return nil
}

func talk(socket string, deadline time.Time, network *os.File, p pod) (said answer, err error) {
	dialer := net.Dialer{Deadline: deadline}
	dialed, err := dialer.Dial("unix", socket)
	if err != nil {
		return said, err
	}
	defer dialed.Close()
	connection := dialed.(*net.UnixConn)
	if err := connection.SetDeadline(deadline); err != nil {
		return said, err
	}
	if _, _, err := connection.WriteMsgUnix([]byte{0}, syscall.UnixRights(int(network.Fd())), nil); err != nil {
		return said, err
	}
	reader := bufio.NewReader(connection)
	if _, err := reader.ReadByte(); err != nil {
		return said, err
	}
	if err := json.NewEncoder(connection).Encode(p); err != nil {
		return said, err
	}
	line, err := reader.ReadBytes('\n')
	if err != nil {
		return said, err
	}
	if err := json.Unmarshal(line, &said); err != nil {
		return said, fmt.Errorf("it answers %q", line)
	}
	return said, nil
}
