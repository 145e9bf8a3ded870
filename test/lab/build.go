package lab

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// sourceDir holds the modules of the lab's programs, relative to the repository.
const sourceDir = "tools/kubernetes"

// keepBuilds is how many sets of programs stay in the cache.
const keepBuilds = 2

// multicall are the names that the hyperkube binary is called by.
var multicall = []string{
	"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl",
	"lab-provisioner", "lab-netpol",
}

// labImages are the images that every node has: by binary, its name.
var labImages = map[string]string{"pause": "lab.local/pause:1", "probe": "lab.local/probe:1"}

// Build makes the lab's programs out of the repository that dir is in, unless
// the cache has them already, and returns the directory that holds them. The
// cache is ${XDG_CACHE_HOME:-~/.cache}/memgraph-lab, with a directory for each
// state of the sources. A first build takes some eight minutes of two cores and
// 4 GB of disk; out says what is going on.
func Build(ctx context.Context, dir string, out io.Writer) (string, error) {
	repository, err := repositoryOf(dir)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w: set XDG_CACHE_HOME", err)
	}
	cache = filepath.Join(cache, "memgraph-lab")
	key, err := sourceKey(ctx, filepath.Join(repository, sourceDir))
	if err != nil {
		return "", err
	}
	target := filepath.Join(cache, key)
	if touch(target) {
		return target, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", fmt.Errorf("make cache: %w", err)
	}
	unlock, err := lockFile(filepath.Join(cache, ".lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	if touch(target) { // somebody else built it meanwhile
		return target, nil
	}
	b := builder{source: filepath.Join(repository, sourceDir), target: target + ".new", out: out}
	if err := b.build(ctx); err != nil {
		return "", fmt.Errorf("build the lab's programs: %w", err)
	}
	if err := os.Rename(b.target, target); err != nil {
		return "", fmt.Errorf("keep the lab's programs: %w", err)
	}
	return target, prune(cache)
}

// touch reports whether the directory is there, and marks it as used now.
func touch(dir string) bool {
	now := time.Now()
	return os.Chtimes(dir, now, now) == nil
}

// repositoryOf walks up from dir to the directory that holds the sources.
func repositoryOf(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for at := start; ; at = filepath.Dir(at) {
		if exists(filepath.Join(at, sourceDir, "hyperkube", "go.mod")) {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("find the lab's sources: no %s in %s or above: run the command in a checkout of the repository", sourceDir, start)
		}
	}
}

// sourceKey is a name for the state of all that the programs are made of.
func sourceKey(ctx context.Context, source string) (string, error) {
	version, err := run(ctx, "", "go", "env", "GOVERSION", "GOARCH")
	if err != nil {
		return "", fmt.Errorf("find the Go compiler: %w", err)
	}
	hash := sha256.New()
	fmt.Fprintln(hash, version, multicall, labImages)
	for _, module := range []string{"hyperkube", "addons"} {
		sources := os.DirFS(filepath.Join(source, module))
		err := fs.WalkDir(sources, ".", func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || strings.HasSuffix(path, "_test.go") {
				return err
			}
			content, err := fs.ReadFile(sources, path)
			fmt.Fprintln(hash, module, path, len(content))
			hash.Write(content)
			return err
		})
		if err != nil {
			return "", fmt.Errorf("read the lab's sources: %w", err)
		}
	}
	return hex.EncodeToString(hash.Sum(nil))[:12], nil
}

// prune removes the builds that were used least recently, and broken ones.
func prune(cache string) error {
	entries, err := os.ReadDir(cache)
	if err != nil {
		return fmt.Errorf("tidy the cache: %w", err)
	}
	type build struct {
		path string
		used time.Time
	}
	var builds []build
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && entry.IsDir() {
			builds = append(builds, build{filepath.Join(cache, entry.Name()), info.ModTime()})
		}
	}
	slices.SortFunc(builds, func(a, b build) int { return b.used.Compare(a.used) })
	var failed error
	running, _ := readState() // without a lab nothing is in use
	for _, b := range builds[min(keepBuilds, len(builds)):] {
		if b.path != running.Programs {
			failed = errors.Join(failed, os.RemoveAll(b.path))
		}
	}
	return failed
}

type builder struct {
	source, target string
	out            io.Writer
}

func (b builder) build(ctx context.Context) error {
	if err := os.RemoveAll(b.target); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(b.target, "images"), 0o755); err != nil {
		return err
	}
	steps := []struct {
		what string
		do   func(context.Context) error
	}{
		{"kubernetes (5 minutes the first time)", b.kubernetes},
		{"coredns, helm, kubeconform (3 minutes the first time)", b.addons},
		{"images", b.images},
	}
	for _, step := range steps {
		start := time.Now()
		fmt.Fprintf(b.out, "building %s\n", step.what)
		if err := step.do(ctx); err != nil {
			return err
		}
		fmt.Fprintf(b.out, "built in %s\n", time.Since(start).Round(100*time.Millisecond))
	}
	return nil
}

func (b builder) kubernetes(ctx context.Context) error {
	module := filepath.Join(b.source, "hyperkube")
	version, err := b.version(ctx, module, "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	number := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	const at = "k8s.io/component-base/version."
	flags := fmt.Sprintf("-X %[1]sgitVersion=%[2]s -X %[1]sgitMajor=%[3]s -X %[1]sgitMinor=%[4]s -X %[1]sgitTreeState=clean",
		at, version, number[0], number[1])
	if err := b.compile(ctx, module, flags, "./..."); err != nil {
		return err
	}
	for _, name := range multicall {
		if err := os.Symlink("hyperkube", filepath.Join(b.target, name)); err != nil {
			return err
		}
	}
	return nil
}

func (b builder) addons(ctx context.Context) error {
	module := filepath.Join(b.source, "addons")
	helm, err := b.version(ctx, module, "helm.sh/helm/v3")
	if err != nil {
		return err
	}
	kubernetes, err := b.version(ctx, filepath.Join(b.source, "hyperkube"), "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	minor := strings.SplitN(kubernetes, ".", 3)[1]
	flags := "-X helm.sh/helm/v3/internal/version.version=" + helm
	// What "helm template" and "helm lint" take the cluster for.
	for _, at := range []string{"helm.sh/helm/v3/pkg/lint/rules", "helm.sh/helm/v3/pkg/chartutil"} {
		flags += fmt.Sprintf(" -X %[1]s.k8sVersionMajor=1 -X %[1]s.k8sVersionMinor=%[2]s", at, minor)
	}
	return b.compile(ctx, module, flags, "./coredns", "helm.sh/helm/v3/cmd/helm", "github.com/yannh/kubeconform/cmd/kubeconform")
}

func (b builder) version(ctx context.Context, module, path string) (string, error) {
	out, err := run(ctx, "", "go", "-C", module, "list", "-m", "-f", "{{.Version}}", path)
	return strings.TrimSpace(out), err
}

func (b builder) compile(ctx context.Context, module, linkerFlags string, packages ...string) error {
	args := append([]string{"-C", module, "build", "-trimpath", "-ldflags", "-s -w " + linkerFlags, "-o", b.target + "/"}, packages...)
	command := exec.CommandContext(ctx, "go", args...)
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	// Downloads are news only if the build fails.
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Run(); err != nil {
		return fmt.Errorf("go %s: %w: %s", strings.Join(args, " "), err, tail(output.String(), 2000))
	}
	return nil
}

func (b builder) images(ctx context.Context) error {
	for name, tag := range labImages {
		tar := filepath.Join(b.target, "images", name+".tar")
		user := ""
		if name == "probe" {
			user = "65532:65532"
		}
		args := []string{"-o", tar, "-t", tag, "-user", user, filepath.Join(b.target, name) + ":/" + name}
		if _, err := run(ctx, "", filepath.Join(b.target, "image"), args...); err != nil {
			return err
		}
	}
	return nil
}

// tail returns the last n bytes.
func tail(s string, n int) string {
	s = strings.TrimSpace(s)
	return cmp.Or(s[max(0, len(s)-n):], "no output")
}
