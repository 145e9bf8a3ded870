package main

import (
	"archive/tar"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Media types of the OCI image format.
const (
	typeIndex    = "application/vnd.oci.image.index.v1+json"
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"
)

// Image is what goes into an image, besides what follows from it.
type Image struct {
	Name         string // name:tag, the registry's host included if there is one
	Architecture string // as Go names it
	User         string // "UID:GID"; numbers, so that Kubernetes can tell it is not root
	Entrypoint   []string
	Labels       map[string]string
	Entries      []Entry
	Created      time.Time // the zero value is 1970
}

// Entry is a file or directory of an image. Parents that are not listed are
// directories of root, mode 0755.
type Entry struct {
	Source   string // file on this machine; "" makes a directory
	Path     string // absolute, in the image
	Mode     int64
	UID, GID int
}

var (
	names = regexp.MustCompile(`^([a-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)
	users = regexp.MustCompile(`^[0-9]+:[0-9]+$`)
)

func (img Image) validate() error {
	var errs []error
	if !names.MatchString(img.Name) {
		errs = append(errs, fmt.Errorf("name %q: want NAME:TAG in lower case, like memgraph-controller:dev", img.Name))
	}
	if !users.MatchString(img.User) {
		errs = append(errs, fmt.Errorf("user %q: want UID:GID, in numbers", img.User))
	}
	if len(img.Entrypoint) == 0 {
		errs = append(errs, errors.New("no entrypoint: want the program to run"))
	}
	for _, e := range img.Entries {
		if !path.IsAbs(e.Path) || path.Clean(e.Path) != e.Path || e.Path == "/" {
			errs = append(errs, fmt.Errorf("path %q: want an absolute path below /", e.Path))
		}
	}
	return errors.Join(errs...)
}

// Write writes the image as an OCI image layout in a tarball, with Docker's own
// manifest beside it for those who know only that. It returns the digest of the
// manifest, by which the image is known everywhere.
func (img Image) Write(w io.Writer) (digest string, err error) {
	if err := img.validate(); err != nil {
		return "", err
	}
	layer, err := img.layer()
	if err != nil {
		return "", err
	}
	config := marshal(img.config(digestOf(layer)))
	manifest := marshal(ociManifest{
		SchemaVersion: 2, MediaType: typeManifest,
		Config: describe(typeConfig, config), Layers: []descriptor{describe(typeLayer, layer)},
	})
	top := describe(typeManifest, manifest)
	top.Platform = &platform{Architecture: img.Architecture, OS: "linux"}
	top.Annotations = map[string]string{
		"io.containerd.image.name":          img.fullName(),
		"org.opencontainers.image.ref.name": img.Name[strings.LastIndexByte(img.Name, ':')+1:],
	}
	docker := []dockerManifest{{Config: blob(config), RepoTags: []string{img.Name}, Layers: []string{blob(layer)}}}
	files := map[string][]byte{
		blob(layer): layer, blob(config): config, blob(manifest): manifest,
		"index.json":    marshal(ociIndex{SchemaVersion: 2, MediaType: typeIndex, Manifests: []descriptor{top}}),
		"manifest.json": marshal(docker),
		"oci-layout":    []byte(`{"imageLayoutVersion":"1.0.0"}`),
	}
	if err := img.archive(w, files); err != nil {
		return "", fmt.Errorf("write image %s: %w", img.Name, err)
	}
	return top.Digest, nil
}

// archive writes files to a tarball in a fixed order.
func (img Image) archive(w io.Writer, files map[string][]byte) error {
	tw := tar.NewWriter(w)
	for _, dir := range []string{"blobs/", "blobs/sha256/"} {
		if err := tw.WriteHeader(img.header(tar.TypeDir, dir, 0o755)); err != nil {
			return err
		}
	}
	paths := make([]string, 0, len(files))
	for p := range files {
		paths = append(paths, p)
	}
	slices.Sort(paths)
	for _, p := range paths {
		h := img.header(tar.TypeReg, p, 0o644)
		h.Size = int64(len(files[p]))
		if err := tw.WriteHeader(h); err != nil {
			return err
		}
		if _, err := tw.Write(files[p]); err != nil {
			return err
		}
	}
	return tw.Close()
}

// layer returns the one layer: every entry once, parents first.
func (img Image) layer() ([]byte, error) {
	all := map[string]Entry{}
	for _, e := range img.Entries {
		for dir := path.Dir(e.Path); dir != "/"; dir = path.Dir(dir) {
			if _, ok := all[dir]; !ok {
				all[dir] = Entry{Path: dir, Mode: 0o755}
			}
		}
	}
	seen := map[string]bool{}
	for _, e := range img.Entries {
		if seen[e.Path] {
			return nil, fmt.Errorf("path %s is given twice", e.Path)
		}
		if parent, ok := all[e.Path]; ok && e.Source != "" && parent.Source == "" {
			return nil, fmt.Errorf("path %s is a file and a directory", e.Path)
		}
		seen[e.Path] = true
		all[e.Path] = e
	}
	entries := make([]Entry, 0, len(all))
	for _, e := range all {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return cmp.Compare(a.Path, b.Path) })
	var buf bytes.Buffer
	tw := tar.NewWriter(&buf)
	for _, e := range entries {
		if err := img.put(tw, e); err != nil {
			return nil, fmt.Errorf("put %s into the image: %w", e.Path, err)
		}
	}
	if err := tw.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func (img Image) put(tw *tar.Writer, e Entry) error {
	name := strings.TrimPrefix(e.Path, "/")
	h := img.header(tar.TypeDir, name+"/", e.Mode)
	var content []byte
	if e.Source != "" {
		var err error
		if content, err = os.ReadFile(e.Source); err != nil {
			return err
		}
		h = img.header(tar.TypeReg, name, e.Mode)
		h.Size = int64(len(content))
	}
	h.Uid, h.Gid = e.UID, e.GID
	if err := tw.WriteHeader(h); err != nil {
		return err
	}
	_, err := tw.Write(content)
	return err
}

// header returns a header of root's that tells nothing of this machine.
func (img Image) header(kind byte, name string, mode int64) *tar.Header {
	return &tar.Header{Typeflag: kind, Name: name, Mode: mode, ModTime: img.created(), Format: tar.FormatUSTAR}
}

func (img Image) created() time.Time {
	if img.Created.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return img.Created.UTC()
}

// fullName is the name as containerd wants it: docker.io and library are not left out.
func (img Image) fullName() string {
	host, _, ok := strings.Cut(img.Name, "/")
	switch {
	case !ok:
		return "docker.io/library/" + img.Name
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		return "docker.io/" + img.Name
	}
	return img.Name
}
