package view

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// every is how often a Source is asked for news.
const every = 150 * time.Millisecond

// Run shows source on the terminal until the reader quits or ctx ends, and
// leaves the terminal as it was.
func Run(ctx context.Context, source Source, opts Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	program := tea.NewProgram(newModel(ctx, source, opts), tea.WithoutSignalHandler())
	var watching sync.WaitGroup
	watching.Go(func() {
		follow(ctx, source, func(s Snapshot) { program.Send(news{s}) })
		program.Quit()
	})
	_, err := program.Run()
	cancel()
	watching.Wait()
	if err != nil && !errors.Is(err, tea.ErrProgramKilled) {
		return fmt.Errorf("show the sandbox on the terminal: %w", err)
	}
	return nil
}

// follow hands each Snapshot that differs from the one before it to show, until
// ctx ends.
func follow(ctx context.Context, source Source, show func(Snapshot)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := source.Snapshot()
	show(last)
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if s := source.Snapshot(); !same(s, last) {
			last = s
			show(s)
		}
	}
}

// Lines shows source line by line in log, and carries out the commands that in
// has, one a line, until ctx ends or a command quits. The end of in is not the
// end: a sandbox without a terminal goes on until it is told to stop.
func Lines(ctx context.Context, source Source, in io.Reader, log *slog.Logger, opts Options) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	commands := make(chan string)
	go scan(ctx, in, commands)
	var watching sync.WaitGroup
	watching.Go(func() {
		var last Snapshot
		follow(ctx, source, func(s Snapshot) {
			for _, e := range Changes(last, s, time.Now()) {
				write(log, e)
			}
			last = s
		})
	})
	defer watching.Wait()
	for {
		select {
		case line := <-commands:
			if line == "help" || line == "?" {
				for _, l := range opts.Help {
					log.Info("help", "line", l)
				}
				continue
			}
			switch text, err := source.Do(ctx, line); {
			case errors.Is(err, ErrQuit):
				cancel()
				return
			case err != nil:
				log.Error("command refused", "command", line, "err", err)
			case text != "":
				log.Info("command done", "command", line, "news", text)
			}
		case <-ctx.Done():
			return
		}
	}
}

// scan sends the lines of in until it or ctx ends. A read that waits for a
// terminal cannot be interrupted, so nobody joins it: it ends with the process.
func scan(ctx context.Context, in io.Reader, lines chan<- string) {
	s := bufio.NewScanner(in)
	for s.Scan() {
		line := strings.TrimSpace(s.Text())
		if line == "" {
			continue
		}
		select {
		case lines <- line:
		case <-ctx.Done():
			return
		}
	}
}

func write(log *slog.Logger, e Event) {
	switch e.Tone {
	case Warn:
		log.Warn("sandbox changed", "news", e.Text)
	case Bad:
		log.Error("sandbox changed", "news", e.Text)
	default:
		log.Info("sandbox changed", "news", e.Text)
	}
}
