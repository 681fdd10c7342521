package plugintest

import (
	"maps"
	"slices"
	"strings"

	"github.com/ambithost/ambit/sdk/protocol"
)

func (w *World) skill(a effectArgs) (any, error) {
	name := a.Skill
	if a.Path != "" {
		name += "/" + a.Path
	}
	text, ok := w.Skills[name]
	if !ok {
		return nil, protocol.Errorf(protocol.NotFound, "skill.read: there is no %q", name)
	}
	files := []string{}
	for _, other := range slices.Sorted(maps.Keys(w.Skills)) {
		if file, below := strings.CutPrefix(other, a.Skill+"/"); below {
			files = append(files, file)
		}
	}
	return map[string]any{"text": text, "files": files}, nil
}
