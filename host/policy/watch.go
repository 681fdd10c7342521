package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long the files must be quiet before they are read: an editor
// writes, renames and touches in one go.
const settle = 100 * time.Millisecond

// watcher reloads when files of the layers change.
type watcher struct {
	engine *Engine
	events *fsnotify.Watcher
	cancel context.CancelFunc
	done   chan struct{}
}

// Watch begins to reload whenever the files of a layer change, until the engine
// is closed or ctx ends, and returns at once. A set that does not load leaves
// the one in force; Config.OnChange and [Engine.Status] say why.
func (e *Engine) Watch(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.closed:
		return errClosed
	case e.watch != nil:
		return nil
	}
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("policy: watch for changes: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{engine: e, events: events, cancel: cancel, done: make(chan struct{})}
	if err := w.follow(); err != nil {
		cancel()
		return errors.Join(fmt.Errorf("policy: watch for changes: %w", err), events.Close())
	}
	e.watch = w
	go w.run(ctx)
	return nil
}

// follow watches the folders of all layers and, to see one appear or be
// replaced, their parents. Watching a folder twice is harmless.
func (w *watcher) follow() error {
	for _, l := range w.engine.config.Layers {
		if err := w.events.Add(filepath.Dir(filepath.Clean(l.Dir))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err := filepath.WalkDir(l.Dir, func(path string, d fs.DirEntry, err error) error {
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil // gone meanwhile, or not there yet
			case err != nil:
				return err
			case !d.IsDir() && path != l.Dir:
				return nil
			case path != l.Dir && strings.HasPrefix(d.Name(), "."):
				return fs.SkipDir
			}
			return w.events.Add(path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *watcher) run(ctx context.Context) {
	defer close(w.done)
	quiet := time.NewTimer(settle) // what changed between Open and Watch
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case ev, ok := <-w.events.Events:
			if !ok {
				return
			}
			if w.concerns(ev.Name) {
				quiet.Reset(settle)
			}
		case err, ok := <-w.events.Errors:
			if !ok {
				return
			}
			w.engine.log.Warn("policy watcher lost events; reading all files", "error", err)
			quiet.Reset(settle)
		case <-quiet.C:
			if err := w.follow(); err != nil {
				w.engine.log.Warn("can't watch all policy folders", "error", err)
			}
			_ = w.engine.Reload(ctx) // said by Reload to the log, the status and OnChange
		}
	}
}

// concerns tells whether a path lies in a layer: events of a parent folder are
// mostly others' business.
func (w *watcher) concerns(path string) bool {
	for _, l := range w.engine.config.Layers {
		rel, err := filepath.Rel(l.Dir, path)
		if err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
			return true
		}
	}
	return false
}

func (w *watcher) stop() {
	w.cancel()
	<-w.done
	if err := w.events.Close(); err != nil {
		w.engine.log.Warn("close the policy watcher", "error", err)
	}
}
