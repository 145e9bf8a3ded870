package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// debianPackages are by package a file that shows it is there; a bare name is
// looked up in PATH.
var debianPackages = map[string]string{
	"containerd":                  "containerd",
	"containernetworking-plugins": "/usr/lib/cni/ptp",
	"iproute2":                    "ip",
	"nftables":                    "nft",
	"runc":                        "runc",
}

// install adds the Debian packages that are missing, by a script of the repository that
// dir is in.
func install(ctx context.Context, dir string, out io.Writer) error {
	var missing []string
	for name, file := range debianPackages {
		if filepath.IsAbs(file) && exists(file) {
			continue
		}
		if _, err := exec.LookPath(file); err != nil {
			missing = append(missing, name)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	slices.Sort(missing)
	list := strings.Join(missing, " ")
	fmt.Fprintf(out, "installing %s\n", list)
	repository, err := repositoryOf(dir)
	if err != nil {
		return err
	}
	command := exec.CommandContext(ctx, filepath.Join(repository, "tools", "apt.sh"), missing...)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("install %s: %w: %s", list, err, tail(string(output), 1000))
	}
	return nil
}

// checkKernel says which feature is missing before something strange does.
func checkKernel(ctx context.Context) error {
	var missing []string
	filesystems, err := os.ReadFile("/proc/filesystems")
	if err != nil {
		return fmt.Errorf("look at the kernel: %w", err)
	}
	if !slices.Contains(strings.Fields(string(filesystems)), "overlay") {
		// A module that is not loaded yet is not listed.
		if _, err := run(ctx, "", "modprobe", "overlay"); err != nil {
			missing = append(missing, "file system overlay (CONFIG_OVERLAY_FS)")
		}
	}
	for _, ns := range []string{"net", "mnt", "pid", "uts", "ipc"} {
		if !exists("/proc/self/ns/" + ns) {
			missing = append(missing, ns+" namespaces")
		}
	}
	if cgroups := missingCgroups("/sys/fs/cgroup"); len(cgroups) > 0 {
		missing = append(missing, "cgroups "+strings.Join(cgroups, ", ")+" in /sys/fs/cgroup")
	}
	if len(missing) > 0 {
		return fmt.Errorf("this kernel lacks %s: use a virtual machine of its own for the lab", strings.Join(missing, "; "))
	}
	return checkNetwork(ctx)
}

// checkNetwork tries what kube-proxy and the machines' cables need in a
// namespace that is thrown away.
func checkNetwork(ctx context.Context) error {
	const name = namespacePrefix + "check"
	_, _ = run(ctx, "", "ip", "netns", "del", name)
	if _, err := run(ctx, "", "ip", "netns", "add", name); err != nil {
		return fmt.Errorf("make a network namespace: %w: the lab needs CAP_SYS_ADMIN", err)
	}
	h := host("check")
	_, pairErr := run(ctx, "link add a0 type veth peer name b0\nlink add c0 type bridge\n", "ip", "-n", name, "-batch", "-")
	rulesErr := h.nft(ctx, "table ip check {\n chain f { type filter hook forward priority 0; ct state established accept; }\n"+
		" chain n { type nat hook postrouting priority 100; fib saddr type local numgen random mod 2 vmap { 0 : accept, 1 : accept }; masquerade; }\n}\n")
	_, delErr := run(ctx, "", "ip", "netns", "del", name)
	if pairErr != nil {
		pairErr = fmt.Errorf("this kernel lacks veth pairs or bridges: %w", pairErr)
	}
	if rulesErr != nil {
		rulesErr = fmt.Errorf("this kernel lacks what kube-proxy needs of nftables (nat, conntrack, fib, numgen): %w", rulesErr)
	}
	return errors.Join(pairErr, rulesErr, delErr)
}

// missingCgroups lists the controllers that no hierarchy under top has.
func missingCgroups(top string) []string {
	needed := []string{"cpu", "cpuset", "memory", "pids"}
	unified, err := os.ReadFile(filepath.Join(top, "cgroup.controllers"))
	have := strings.Fields(string(unified))
	if err != nil {
		needed = append(needed, "cpuacct", "freezer", "devices")
	}
	return slices.DeleteFunc(needed, func(name string) bool {
		return slices.Contains(have, name) || err != nil && exists(filepath.Join(top, name, "cgroup.procs"))
	})
}
