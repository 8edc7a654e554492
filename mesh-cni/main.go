// Command mesh-cni is what a container runtime runs, as a chained CNI plugin, when a pod's network is made. It asks the
// node agent (mesh-proxy node-agent) to lay the rules by which the pod's traffic comes to its sidecar, and holds the pod
// up until that has been done. It changes nothing itself and needs nothing of the API server.
//
// CNI 0.3.0 to 1.1.0: https://www.cni.dev/docs/spec/
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
)

// Codes of the specification, and one of our own (100 and above).
const (
	incompatibleVersion = 1
	wrongEnvironment    = 4
	unreadableInput     = 6
	wrongConfiguration  = 7
	tryAgainLater       = 11
	refused             = 100
)

// Versions that know chained plugins and their prevResult.
var versions = []string{"0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}

// failure is an error as the specification has it.
type failure struct {
	Version string `json:"cniVersion"`
	Code    int    `json:"code"`
	Message string `json:"msg"`
}

func (f *failure) Error() string { return f.Message }

func fail(code int, format string, values ...any) error {
	return &failure{Code: code, Message: fmt.Sprintf(format, values...)}
}

func main() {
	os.Exit(run(os.Getenv, os.Stdin, os.Stdout))
}

// run does what CNI_COMMAND says and returns the exit status.
func run(environment func(string) string, in io.Reader, out io.Writer) int {
	input, err := io.ReadAll(in)
	if err == nil {
		err = command(environment, input, out)
	}
	if err == nil {
		return 0
	}
	var said *failure
	if !errors.As(err, &said) {
		said = &failure{Code: unreadableInput, Message: err.Error()}
	}
	said.Version = versionOf(input)
	// Standard output is where the runtime reads it; without that, the status alone says it.
	_ = json.NewEncoder(out).Encode(said)
	return 1
}

func command(environment func(string) string, input []byte, out io.Writer) error {
	switch name := environment("CNI_COMMAND"); name {
	case "ADD":
		return add(environment, input, out)
	case "DEL", "CHECK", "GC":
		// The rules go with the pod's namespace; whether they are there its validation container looks itself.
		return nil
	case "STATUS":
		// Always well: a node without network would not start the agent either.
		return nil
	case "VERSION":
		return json.NewEncoder(out).Encode(map[string]any{
			"cniVersion": versions[len(versions)-1], "supportedVersions": versions,
		})
	default:
		return fail(wrongEnvironment,
			"CNI_COMMAND is %q (expected: ADD, CHECK, DEL, GC, STATUS or VERSION); mesh-cni is run by container runtimes",
			name)
	}
}

func versionOf(input []byte) string {
	var config struct {
		Version string `json:"cniVersion"`
	}
	if json.Unmarshal(input, &config) != nil || config.Version == "" {
		return versions[len(versions)-1]
	}
	return config.Version
}

func add(environment func(string) string, input []byte, out io.Writer) error {
	var config configuration
	if err := json.Unmarshal(input, &config); err != nil {
		return fail(unreadableInput, "the configuration of mesh-cni on standard input is not what CNI gives: %v", err)
	}
	if !slices.Contains(versions, config.Version) {
		return fail(incompatibleVersion, "cniVersion is %q (expected: one of %v)", config.Version, versions)
	}
	if len(config.PreviousResult) == 0 {
		return fail(wrongConfiguration, "mesh-cni comes after the plugin that makes the pod's network, and there is none"+
			" before it (expected: prevResult)")
	}
	pod := podOf(environment)
	if config.needs(pod) {
		if config.Socket == "" {
			return fail(wrongConfiguration, "the configuration of mesh-cni has no socket (expected: the node agent's)")
		}
		if err := config.ask(pod); err != nil {
			return err
		}
	}
	_, err := out.Write(config.PreviousResult)
	return err
}
