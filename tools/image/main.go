// Command image writes a container image from scratch: one layer of the files and
// directories it is given, as a tarball that containerd, Docker and Podman load. It
// needs no registry, no daemon and no root, and the same input gives the same bytes.
// It does not fetch, push, or build upon other images.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout, os.Stderr); err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, "image:", err)
		}
		os.Exit(2)
	}
}

// run writes the image that args ask for, and its name and digest to out.
func run(args []string, out, errs io.Writer) error {
	img, path, err := parse(args, errs)
	if err != nil {
		return err
	}
	digest, err := save(img, path)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s: %s %s\n", path, img.Name, digest)
	return nil
}

// save writes img to path, whole or not at all.
func save(img Image, path string) (digest string, err error) {
	f, err := os.CreateTemp(dirOf(path), ".image-*")
	if err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if digest, err = img.Write(f); err != nil {
		return "", err
	}
	if err := errors.Join(f.Chmod(0o644), f.Close(), os.Rename(f.Name(), path)); err != nil {
		return "", fmt.Errorf("write %s: %w", path, err)
	}
	return digest, nil
}

func dirOf(path string) string {
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		return path[:i+1]
	}
	return "."
}

const usage = `image -o FILE.tar -t NAME:TAG [flags]: write a container image from scratch

Paths are SOURCE:PATH[:MODE[:UID:GID]] for files, PATH[:MODE[:UID:GID]] for directories; MODE is octal.
`

func parse(args []string, errs io.Writer) (Image, string, error) {
	img := Image{Architecture: runtime.GOARCH, Labels: map[string]string{}}
	set := flag.NewFlagSet("image", flag.ContinueOnError)
	set.SetOutput(errs)
	set.Usage = func() { fmt.Fprint(errs, usage); set.PrintDefaults() }
	path := set.String("o", "", "tarball to write")
	set.StringVar(&img.Name, "t", "", "name and tag, like memgraph-controller:dev")
	set.StringVar(&img.Architecture, "arch", img.Architecture, "architecture, as Go names it")
	set.StringVar(&img.User, "user", "65532:65532", "UID:GID the program runs as")
	created := set.Int64("created", 0, "when it was made, in seconds since 1970")
	set.Func("entrypoint", "word of the command line to run; once a word", func(s string) error {
		img.Entrypoint = append(img.Entrypoint, s)
		return nil
	})
	set.Func("label", "KEY=VALUE; once a label", func(s string) error {
		key, value, ok := strings.Cut(s, "=")
		if !ok || key == "" {
			return errors.New("want KEY=VALUE")
		}
		img.Labels[key] = value
		return nil
	})
	set.Func("file", "file to put in; once a file", func(s string) error {
		source, rest, ok := strings.Cut(s, ":")
		if !ok || source == "" {
			return errors.New("want SOURCE:PATH[:MODE[:UID:GID]]")
		}
		e, err := parseEntry(rest, 0o755)
		e.Source = source
		img.Entries = append(img.Entries, e)
		return err
	})
	set.Func("dir", "directory to make; once a directory", func(s string) error {
		e, err := parseEntry(s, 0o755)
		img.Entries = append(img.Entries, e)
		return err
	})
	if err := set.Parse(args); err != nil {
		return Image{}, "", err
	}
	img.Created = time.Unix(*created, 0).UTC()
	if set.NArg() > 0 {
		return Image{}, "", fmt.Errorf("argument %q: want flags only", set.Arg(0))
	}
	if *path == "" {
		return Image{}, "", errors.New("-o: want the tarball to write")
	}
	return img, *path, nil
}

// parseEntry reads PATH[:MODE[:UID:GID]].
func parseEntry(s string, mode int64) (Entry, error) {
	parts := strings.Split(s, ":")
	e := Entry{Path: parts[0], Mode: mode}
	if len(parts) != 1 && len(parts) != 2 && len(parts) != 4 {
		return e, errors.New("want PATH[:MODE[:UID:GID]]")
	}
	if len(parts) > 1 {
		m, err := strconv.ParseInt(parts[1], 8, 64)
		if err != nil || m < 0 || m > 0o7777 {
			return e, fmt.Errorf("mode %q: want octal digits, like 0755", parts[1])
		}
		e.Mode = m
	}
	if len(parts) == 4 {
		for i, id := range []*int{&e.UID, &e.GID} {
			n, err := strconv.Atoi(parts[2+i])
			if err != nil || n < 0 {
				return e, fmt.Errorf("owner %q: want a number", parts[2+i])
			}
			*id = n
		}
	}
	return e, nil
}
