package confine

import (
	"slices"
	"testing"
)

func TestIsolation(t *testing.T) {
	t.Parallel()
	full := []Measure{{Name: Namespaces, Enforced: true}, {Name: Credentials, Enforced: true}, {Name: Landlock, Enforced: true}, {Name: Seccomp, Enforced: true}, {Name: Rlimits, Enforced: true}}
	without := func(name string) []Measure {
		list := slices.Clone(full)
		for i := range list {
			if list[i].Name == name {
				list[i].Enforced = false
			}
		}
		return list
	}
	for name, test := range map[string]struct {
		measures []Measure
		want     string
	}{
		"nothing known":      {nil, Process},
		"all":                {full, Confined},
		"no namespaces":      {without(Namespaces), Partial},
		"no Landlock":        {without(Landlock), Partial},
		"a lesser one fails": {without(Rlimits), Partial},
		"not even reported":  {full[:3], Partial},
		"credentials alone":  {[]Measure{{Name: Credentials, Enforced: true}}, Process},
		"none in force":      {[]Measure{{Name: Seccomp}, {Name: Landlock}}, Process},
		"one said twice":     {append(without(Seccomp), Measure{Name: Seccomp, Enforced: true}), Partial},
	} {
		if got := Isolation(test.measures); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

func TestCleanEnviron(t *testing.T) {
	t.Parallel()
	got := CleanEnviron([]string{"AWS_SECRET=x", "AMBIT_PLUGIN=y", "AMBIT_PLUGIN_X=z", "PATH=/bin", "LD_PRELOAD=a.so", "GODEBUG=a=b", "PLUGIN_UNIX_SOCKET_DIR=/d"})
	if !slices.Equal(got, []string{"AMBIT_PLUGIN=y", "PLUGIN_UNIX_SOCKET_DIR=/d"}) {
		t.Errorf("kept %q", got)
	}
}
