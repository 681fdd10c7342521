package host

import (
	"maps"
	"slices"
	"sync"

	"github.com/ambithost/ambit/host/control"
)

// notices are what the owner should know, one a topic.
type notices struct {
	mu   sync.Mutex
	list map[string]control.Notice
}

func (n *notices) set(topic string, v control.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.list == nil {
		n.list = map[string]control.Notice{}
	}
	n.list[topic] = v
}

func (n *notices) clear(topic string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.list, topic)
}

func (n *notices) about(topic string) control.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.list[topic]
}

func (n *notices) all() []control.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	out := make([]control.Notice, 0, len(n.list))
	for _, topic := range slices.Sorted(maps.Keys(n.list)) {
		out = append(out, n.list[topic])
	}
	return out
}
