// Command image writes a container image as a tar that containerd imports, out
// of static binaries: no registry, no base image, no daemon.
//
//	image -o app.tar -t lab.local/app:1 [-user 65532:65532] BINARY:/PATH
//
// The binary becomes the entrypoint. Equal input makes an equal tar. It makes
// the lab's own small images and knows nothing that they do not need: one
// layer, one file, a world-writable /tmp.
package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
	"time"
)

func main() {
	out := flag.String("o", "", "`file` to write (required)")
	tag := flag.String("t", "", "image `name:tag` (required)")
	user := flag.String("user", "", "`uid:gid` that the program runs as; empty: root")
	flag.Parse()
	if err := run(*out, *tag, *user, flag.Arg(0)); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run(out, tag, user, file string) error {
	from, to, ok := strings.Cut(file, ":")
	if out == "" || tag == "" || !ok || !path.IsAbs(to) {
		return errors.New("usage: image -o FILE -t NAME:TAG BINARY:/PATH")
	}
	binary, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("read binary: %w", err)
	}
	layer, err := archive(append(parents(to), entry{name: "tmp/", mode: 0o1777}, entry{name: to[1:], mode: 0o755, content: binary}))
	if err != nil {
		return fmt.Errorf("make layer: %w", err)
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "created": time.Unix(0, 0).UTC(),
		"config":  map[string]any{"Entrypoint": []string{to}, "User": user, "WorkingDir": "/"},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer)}},
		"history": []any{map[string]any{"created": time.Unix(0, 0).UTC(), "created_by": "image"}},
	})
	if err != nil {
		return fmt.Errorf("encode config: %w", err)
	}
	configName, layerName := digest(config)+".json", digest(layer)+".tar"
	manifest, err := json.Marshal([]any{map[string]any{"Config": configName, "RepoTags": []string{tag}, "Layers": []string{layerName}}})
	if err != nil {
		return fmt.Errorf("encode manifest: %w", err)
	}
	image, err := archive([]entry{
		{name: configName, mode: 0o644, content: config},
		{name: layerName, mode: 0o644, content: layer},
		{name: "manifest.json", mode: 0o644, content: manifest},
	})
	if err != nil {
		return fmt.Errorf("make image: %w", err)
	}
	if err := os.WriteFile(out, image, 0o644); err != nil {
		return fmt.Errorf("write image: %w", err)
	}
	return nil
}

// entry is a file, or a directory if its name ends with a slash.
type entry struct {
	name    string
	mode    int64
	content []byte
}

// parents are the directories above an absolute path, outermost first.
func parents(file string) []entry {
	var out []entry
	for dir := path.Dir(file); dir != "/"; dir = path.Dir(dir) {
		out = append([]entry{{name: dir[1:] + "/", mode: 0o755}}, out...)
	}
	return out
}

func archive(entries []entry) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: e.name, Mode: e.mode, Size: int64(len(e.content)), ModTime: time.Unix(0, 0)}
		if strings.HasSuffix(e.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
