package main

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// program returns a file to put into images.
func program(t *testing.T, content string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

type member struct {
	header  *tar.Header
	content []byte
}

// members reads a tarball, by name and in order.
func members(t *testing.T, b []byte) (byName map[string]member, order []string) {
	t.Helper()
	byName = map[string]member{}
	tr := tar.NewReader(bytes.NewReader(b))
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return byName, order
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(tr)
		if err != nil {
			t.Fatal(err)
		}
		if _, twice := byName[h.Name]; twice {
			t.Errorf("%s is in the tarball twice", h.Name)
		}
		byName[h.Name] = member{h, content}
		order = append(order, h.Name)
	}
}

func decode[T any](t *testing.T, b []byte) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
	return v
}

// follow returns what a descriptor describes, after checking digest and size.
func follow(t *testing.T, files map[string]member, d descriptor) []byte {
	t.Helper()
	m, ok := files["blobs/"+strings.Replace(d.Digest, ":", "/", 1)]
	if !ok {
		t.Fatalf("%s is not in the layout", d.Digest)
	}
	if digestOf(m.content) != d.Digest || int64(len(m.content)) != d.Size {
		t.Fatalf("%s has digest %s and %d bytes, want %d", d.Digest, digestOf(m.content), len(m.content), d.Size)
	}
	return m.content
}

func example(t *testing.T) Image {
	t.Helper()
	return Image{
		Name: "standin:dev", Architecture: "arm64", User: "101:103",
		Entrypoint: []string{"/usr/lib/memgraph/memgraph"},
		Labels:     map[string]string{"org.opencontainers.image.version": "v1"},
		Created:    time.Unix(1700000000, 0),
		Entries: []Entry{
			{Source: program(t, "\x7fELF"), Path: "/usr/lib/memgraph/memgraph", Mode: 0o755},
			{Path: "/var/lib/memgraph", Mode: 0o750, UID: 101, GID: 103},
			{Path: "/tmp", Mode: 0o1777},
		},
	}
}

func write(t *testing.T, img Image) (content []byte, digest string) {
	t.Helper()
	var b bytes.Buffer
	digest, err := img.Write(&b)
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), digest
}

func TestImageReadsBack(t *testing.T) {
	b, digest := write(t, example(t))
	files, _ := members(t, b)
	if got := string(files["oci-layout"].content); got != `{"imageLayoutVersion":"1.0.0"}` {
		t.Errorf("oci-layout is %s", got)
	}
	index := decode[ociIndex](t, files["index.json"].content)
	if len(index.Manifests) != 1 || index.Manifests[0].Digest != digest {
		t.Fatalf("index has %+v, want one manifest, %s", index.Manifests, digest)
	}
	top := index.Manifests[0]
	if *top.Platform != (platform{"arm64", "linux"}) {
		t.Errorf("platform is %+v", *top.Platform)
	}
	if want := map[string]string{"io.containerd.image.name": "docker.io/library/standin:dev", "org.opencontainers.image.ref.name": "dev"}; !maps.Equal(top.Annotations, want) {
		t.Errorf("annotations are %v, want %v", top.Annotations, want)
	}
	manifest := decode[ociManifest](t, follow(t, files, top))
	config := decode[ociConfig](t, follow(t, files, manifest.Config))
	if len(manifest.Layers) != 1 {
		t.Fatalf("%d layers, want 1", len(manifest.Layers))
	}
	layer := follow(t, files, manifest.Layers[0])
	if !slices.Equal(config.RootFS.DiffIDs, []string{digestOf(layer)}) {
		t.Errorf("diff ids are %v, want that of the layer", config.RootFS.DiffIDs)
	}
	if config.Architecture != "arm64" || config.OS != "linux" || config.Created != "2023-11-14T22:13:20Z" {
		t.Errorf("config is of %s/%s, made %s", config.OS, config.Architecture, config.Created)
	}
	run := config.Config
	if run.User != "101:103" || !slices.Equal(run.Entrypoint, []string{"/usr/lib/memgraph/memgraph"}) || run.Labels["org.opencontainers.image.version"] != "v1" {
		t.Errorf("config runs %+v", run)
	}
	docker := decode[[]dockerManifest](t, files["manifest.json"].content)
	if len(docker) != 1 || !slices.Equal(docker[0].RepoTags, []string{"standin:dev"}) ||
		docker[0].Config != "blobs/sha256/"+manifest.Config.Digest[7:] || !slices.Equal(docker[0].Layers, []string{"blobs/sha256/" + manifest.Layers[0].Digest[7:]}) {
		t.Errorf("manifest.json is %+v", docker)
	}
}

func TestLayer(t *testing.T) {
	b, err := example(t).layer()
	if err != nil {
		t.Fatal(err)
	}
	files, order := members(t, b)
	want := []string{"tmp/", "usr/", "usr/lib/", "usr/lib/memgraph/", "usr/lib/memgraph/memgraph", "var/", "var/lib/", "var/lib/memgraph/"}
	if !slices.Equal(order, want) {
		t.Errorf("layer has %v, want %v", order, want)
	}
	for name, w := range map[string]tar.Header{
		"tmp/": {Mode: 0o1777}, "var/lib/memgraph/": {Mode: 0o750, Uid: 101, Gid: 103},
		"usr/lib/": {Mode: 0o755}, "usr/lib/memgraph/memgraph": {Mode: 0o755},
	} {
		if h := files[name].header; h.Mode != w.Mode || h.Uid != w.Uid || h.Gid != w.Gid || h.Uname != "" || !h.ModTime.Equal(time.Unix(1700000000, 0)) {
			t.Errorf("%s is %o of %d:%d (%q), %s", name, h.Mode, h.Uid, h.Gid, h.Uname, h.ModTime)
		}
	}
	if got := string(files["usr/lib/memgraph/memgraph"].content); got != "\x7fELF" {
		t.Errorf("the program is %q", got)
	}
}

// TestSameBytes builds the same image twice from files with other names, owners and
// times, its parts named in another order.
func TestSameBytes(t *testing.T) {
	one, digest := write(t, example(t))
	img := example(t)
	slices.Reverse(img.Entries)
	if two, d := write(t, img); !bytes.Equal(one, two) || d != digest {
		t.Error("the same image has other bytes the second time")
	}
	img.Entries[2].Source = program(t, "other")
	if two, d := write(t, img); bytes.Equal(one, two) || d == digest {
		t.Error("another program gives the same image")
	}
}

func TestFullName(t *testing.T) {
	for name, want := range map[string]string{
		"a:dev": "docker.io/library/a:dev", "me/a:dev": "docker.io/me/a:dev",
		"ghcr.io/me/a:1": "ghcr.io/me/a:1", "localhost/a:1": "localhost/a:1", "host:5000/a:1": "host:5000/a:1",
	} {
		if got := (Image{Name: name}).fullName(); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for what, tt := range map[string]struct {
		change func(*Image)
		want   string
	}{
		"no tag":         {func(i *Image) { i.Name = "a" }, `name "a"`},
		"upper case":     {func(i *Image) { i.Name = "A:dev" }, `name "A:dev"`},
		"user by name":   {func(i *Image) { i.User = "memgraph" }, `user "memgraph"`},
		"no entrypoint":  {func(i *Image) { i.Entrypoint = nil }, "no entrypoint"},
		"relative path":  {func(i *Image) { i.Entries[0].Path = "a" }, `path "a"`},
		"outside":        {func(i *Image) { i.Entries[0].Path = "/../a" }, `path "/../a"`},
		"path twice":     {func(i *Image) { i.Entries[1].Path = "/tmp" }, "path /tmp is given twice"},
		"file as parent": {func(i *Image) { i.Entries[0].Path = "/var/lib" }, "path /var/lib is a file and a directory"},
		"no such file":   {func(i *Image) { i.Entries[0].Source = "/does/not/exist" }, "put /usr/lib/memgraph/memgraph into the image"},
	} {
		t.Run(what, func(t *testing.T) {
			img := example(t)
			tt.change(&img)
			if _, err := img.Write(io.Discard); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error is %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	args := []string{
		"-o", path, "-t", "a:dev", "-user", "7:8", "-created", "60", "-label", "k=v=w", "-entrypoint", "/a", "-entrypoint", "run",
		"-file", program(t, "x") + ":/a:0555", "-dir", "/data:0700:7:8", "-arch", "amd64",
	}
	var out bytes.Buffer
	if err := run(args, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	files, _ := members(t, b)
	index := decode[ociIndex](t, files["index.json"].content)
	if want := path + ": a:dev " + index.Manifests[0].Digest + "\n"; out.String() != want {
		t.Errorf("says %q, want %q", out.String(), want)
	}
	manifest := decode[ociManifest](t, follow(t, files, index.Manifests[0]))
	config := decode[ociConfig](t, follow(t, files, manifest.Config))
	if config.Created != "1970-01-01T00:01:00Z" || config.Config.User != "7:8" || config.Config.Labels["k"] != "v=w" || !slices.Equal(config.Config.Entrypoint, []string{"/a", "run"}) {
		t.Errorf("config is %+v", config)
	}
	inside, _ := members(t, follow(t, files, manifest.Layers[0]))
	if a, data := inside["a"].header, inside["data/"].header; a.Mode != 0o555 || data.Mode != 0o700 || data.Uid != 7 || data.Gid != 8 {
		t.Errorf("a is %o, data %o of %d:%d", a.Mode, data.Mode, data.Uid, data.Gid)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".image-*")); len(left) > 0 {
		t.Errorf("%v is left over", left)
	}
}

func TestCommandLineRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.tar")
	for _, args := range [][]string{
		{"-t", "a:dev"}, {"-o", path, "extra"}, {"-o", path, "-file", "a"}, {"-o", path, "-file", "a:/a:999"},
		{"-o", path, "-file", "a:/a:0755:root:root"}, {"-o", path, "-dir", "/a:0755:1"}, {"-o", path, "-label", "k"},
		{"-o", path, "-t", "a:dev", "-entrypoint", "/a", "-file", "/does/not/exist:/a"},
	} {
		if err := run(args, io.Discard, io.Discard); err == nil {
			t.Errorf("%q is accepted", args)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("an image was written all the same")
	}
}
