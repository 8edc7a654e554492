package main

import (
	"encoding/json"
	"os"
)

// writeKubeconfig writes a file by which the holder of NAME.crt reaches the API server. All that it needs is inside,
// so the file may be copied. It is JSON, which is YAML as well.
func (a *authority) writeKubeconfig(file, server, name string) error {
	var pems [3][]byte
	for i, pem := range []string{"ca.crt", name + ".crt", name + ".key"} {
		content, err := os.ReadFile(a.file(pem))
		if err != nil {
			return err
		}
		pems[i] = content
	}
	const context = "mesh-test"
	type object = map[string]any
	content, err := json.MarshalIndent(object{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []object{{"name": context, "cluster": object{
			"server": server, "certificate-authority-data": pems[0]}}}, // bytes are written in base 64
		"users": []object{{"name": context, "user": object{
			"client-certificate-data": pems[1], "client-key-data": pems[2]}}},
		"contexts":        []object{{"name": context, "context": object{"cluster": context, "user": context}}},
		"current-context": context,
	}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(content, '\n'), 0o600)
}
