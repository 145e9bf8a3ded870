package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// The JSON of the OCI image format, as far as it is needed.
type (
	descriptor struct {
		MediaType   string            `json:"mediaType"`
		Digest      string            `json:"digest"`
		Size        int64             `json:"size"`
		Platform    *platform         `json:"platform,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
	platform struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	}
	ociIndex struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}
	ociManifest struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}
	ociConfig struct {
		Created      string    `json:"created"`
		Architecture string    `json:"architecture"`
		OS           string    `json:"os"`
		Config       runConfig `json:"config"`
		RootFS       rootFS    `json:"rootfs"`
		History      []history `json:"history"`
	}
	runConfig struct {
		User       string
		Env        []string
		Entrypoint []string
		WorkingDir string
		Labels     map[string]string `json:",omitempty"`
	}
	rootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	}
	history struct {
		Created   string `json:"created"`
		CreatedBy string `json:"created_by"`
	}
	dockerManifest struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
)

// config returns the image's configuration. The layer is not compressed, so its
// digest is also that of its content.
func (img Image) config(layer string) ociConfig {
	created := img.created().Format(time.RFC3339)
	return ociConfig{
		Created: created, Architecture: img.Architecture, OS: "linux",
		Config: runConfig{
			User: img.User, Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin"},
			Entrypoint: img.Entrypoint, WorkingDir: "/", Labels: img.Labels,
		},
		RootFS:  rootFS{Type: "layers", DiffIDs: []string{layer}},
		History: []history{{Created: created, CreatedBy: "image " + img.Name}},
	}
}

func describe(mediaType string, content []byte) descriptor {
	return descriptor{MediaType: mediaType, Digest: digestOf(content), Size: int64(len(content))}
}

func digestOf(content []byte) string { return "sha256:" + sum(content) }

// blob is where content lies in an image layout.
func blob(content []byte) string { return "blobs/sha256/" + sum(content) }

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

// marshal writes one of the types above, which cannot fail.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("marshal %T: %v", v, err))
	}
	return b
}
