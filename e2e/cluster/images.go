package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
)

// Images that every node has, each of one static program beside this one.
const (
	pauseImage = "docker.io/local/pause:1"
	probeImage = "docker.io/local/probe:1"
)

// importArguments have ctr take an image from its input, as one that Kubernetes sees.
var importArguments = []string{"--address", containerdSocket, "--namespace", "k8s.io", "images", "import", "-"}

// imageTars are the images that a node gets at its start: our own and those of the plan's folder.
func (p plan) imageTars() ([]string, error) {
	own, err := filepath.Glob(p.file("images/*.tar"))
	if err != nil || p.Images == "" {
		return own, err
	}
	given, err := filepath.Glob(filepath.Join(p.Images, "*.tar"))
	return append(own, given...), err
}

// writeOwnImages makes the tars of pause and probe in the cluster's folder.
func (p plan) writeOwnImages() error {
	for program, image := range map[string]string{"pause": pauseImage, "probe": probeImage} {
		if err := writeImage(image, program, p.file(filepath.Join("images", program+".tar"))); err != nil {
			return err
		}
	}
	return nil
}

// writeImage makes the tar of an image of a program beside this one.
func writeImage(image, program, file string) error {
	path, err := sibling(program)
	if err != nil {
		return err
	}
	binary, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	content, err := imageOf(image, "/"+program, binary)
	if err != nil {
		return err
	}
	return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, content, 0o644))
}

// probeImageCommand writes what tests run in pods, for a cluster that is not one of ours.
func probeImageCommand(arguments []string) error {
	if len(arguments) != 1 {
		return errors.New("usage: kube probe-image TAR")
	}
	return writeImage(probeImage, "probe", arguments[0])
}

// imageOf makes an image, in the form that `docker save` writes, of one layer with one program, which it runs.
func imageOf(name, path string, program []byte) ([]byte, error) {
	layer, err := tarOf(entry{path[1:], 0o755, program})
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{
		"os":           "linux",
		"architecture": runtime.GOARCH,
		"config":       map[string]any{"Entrypoint": []string{path}, "User": "65532:65532"},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer)}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal([]map[string]any{{
		"Config":   digest(config) + ".json",
		"RepoTags": []string{name},
		"Layers":   []string{"layer.tar"},
	}})
	if err != nil {
		return nil, err
	}
	return tarOf(
		entry{digest(config) + ".json", 0o644, config},
		entry{"layer.tar", 0o644, layer},
		entry{"manifest.json", 0o644, manifest})
}

// entry is a file in a tar.
type entry struct {
	name    string
	mode    int64
	content []byte
}

func tarOf(entries ...entry) ([]byte, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.content)), Typeflag: tar.TypeReg}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(e.content); err != nil {
			return nil, err
		}
	}
	err := writer.Close()
	return out.Bytes(), err
}

func digest(content []byte) string {
	hash := sha256.Sum256(content)
	return hex.EncodeToString(hash[:])
}
