package main

import (
	"encoding/json"
	"slices"
	"strings"
)

const (
	annotationsCapability = "io.kubernetes.cri.pod-annotations" // containerd's and CRI-O's
	statusAnnotation      = "sidecar.istio.io/status"
	validationContainer   = "istio-validation"
)

// configuration is our part of the network's, with what the runtime adds. The node agent writes it.
type configuration struct {
	Version string `json:"cniVersion"`
	// Socket of the node agent.
	Socket string `json:"socket"`
	// TimeoutSeconds is how long the agent may take; 0 = 30.
	TimeoutSeconds int `json:"timeoutSeconds"`
	// ExcludeNamespaces are left alone.
	ExcludeNamespaces []string `json:"excludeNamespaces"`
	// Agent says which pods are the agent's own: they have to start without it.
	Agent struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"agent"`
	PreviousResult json.RawMessage            `json:"prevResult"`
	Runtime        map[string]json.RawMessage `json:"runtimeConfig"`
}

// pod is what the runtime says of the pod, and what the agent is told.
type pod struct {
	ContainerID string   `json:"containerId"`
	Namespace   string   `json:"namespace"`
	Name        string   `json:"name"`
	UID         string   `json:"uid"`
	Network     string   `json:"netns"`
	Interface   string   `json:"ifName"`
	Interfaces  []string `json:"interfaces"`
}

func podOf(environment func(string) string) pod {
	p := pod{
		ContainerID: environment("CNI_CONTAINERID"),
		Network:     environment("CNI_NETNS"),
		Interface:   environment("CNI_IFNAME"),
	}
	for _, argument := range strings.Split(environment("CNI_ARGS"), ";") {
		name, value, _ := strings.Cut(argument, "=")
		switch name {
		case "K8S_POD_NAMESPACE":
			p.Namespace = value
		case "K8S_POD_NAME":
			p.Name = value
		case "K8S_POD_UID":
			p.UID = value
		}
	}
	return p
}

// needs says whether the agent must be asked before the pod may start. The injector wrote into the pod's annotations
// that its traffic is to be intercepted; only where the runtime does not pass them on, the agent has to know.
func (c *configuration) needs(p pod) bool {
	if p.Namespace == "" || p.Name == "" || slices.Contains(c.ExcludeNamespaces, p.Namespace) {
		return false
	}
	var annotations map[string]string
	if passed, ok := c.Runtime[annotationsCapability]; !ok || json.Unmarshal(passed, &annotations) != nil {
		return p.Namespace != c.Agent.Namespace || c.Agent.Name == "" || !strings.HasPrefix(p.Name, c.Agent.Name+"-")
	}
	written, injected := annotations[statusAnnotation]
	if !injected {
		return false
	}
	var status struct {
		InitContainers []string `json:"initContainers"`
	}
	return json.Unmarshal([]byte(written), &status) != nil || slices.Contains(status.InitContainers, validationContainer)
}

// interfaces are the names of those that the network gave to the pod.
func (c *configuration) interfaces() []string {
	var result struct {
		Interfaces []struct {
			Name    string `json:"name"`
			Sandbox string `json:"sandbox"`
		} `json:"interfaces"`
	}
	names := []string{}
	if json.Unmarshal(c.PreviousResult, &result) == nil {
		for _, each := range result.Interfaces {
			if each.Sandbox != "" {
				names = append(names, each.Name)
			}
		}
	}
	return names
}
