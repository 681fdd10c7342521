package control

import (
	"path/filepath"

	"github.com/ambithost/ambit/sdk/capability"
	"github.com/ambithost/ambit/sdk/protocol"
)

func (x *exchange) preview(req PreviewRequest) (*Preview, error) {
	given := 0
	for _, from := range []string{req.Path, req.Name, req.Ref, req.Upgrade} {
		if from != "" {
			given++
		}
	}
	switch {
	case given != 1:
		return nil, protocol.Errorf(protocol.Invalid, "want one of path, name, ref and upgrade")
	case req.Path != "" && !filepath.IsAbs(req.Path):
		return nil, protocol.Errorf(protocol.Invalid, "path %q: want an absolute one, the host has a working folder of its own", req.Path)
	case req.Name+req.Upgrade != "":
		if err := checkPlugin(req.Name + req.Upgrade); err != nil {
			return nil, err
		}
	}
	p, err := x.PreviewInstall(x.ctx(), req)
	if err != nil {
		return nil, err
	}
	p.Explain()
	return p, nil
}

func (x *exchange) install(req InstallRequest) (*PluginDetail, error) {
	if req.Preview == "" || req.Digest == "" {
		return nil, protocol.Errorf(protocol.Invalid, "want the preview's id and its digest")
	}
	for _, g := range req.Grants {
		if err := checkGrant(g.Capability, g.Scope); err != nil {
			return nil, err
		}
	}
	return x.Install(x.whole(), req)
}

func (x *exchange) setEnabled(req EnabledRequest) (*PluginDetail, error) {
	name, err := x.pluginName()
	if err != nil {
		return nil, err
	}
	return x.SetPluginEnabled(x.whole(), name, req.Enabled)
}

func (x *exchange) setConfig(req ConfigRequest) (*PluginDetail, error) {
	name, err := x.pluginName()
	if err != nil {
		return nil, err
	}
	return x.SetPluginConfig(x.whole(), name, req.Config)
}

func (x *exchange) grant(req GrantRequest) (*Grant, error) {
	if err := checkPlugin(req.Plugin); err != nil {
		return nil, err
	}
	if err := checkGrant(req.Capability, req.Scope); err != nil {
		return nil, err
	}
	return x.Grant(x.whole(), req)
}

// checkGrant refuses what no plugin could be granted.
func checkGrant(name string, scope *capability.Scope) error {
	c, ok := capability.Lookup(name)
	if !ok {
		return protocol.Errorf(protocol.Invalid, "there is no capability %q", name)
	}
	if scope == nil {
		return nil
	}
	if err := c.CheckScope(*scope); err != nil {
		return protocol.Errorf(protocol.Invalid, "%s: %v", name, err)
	}
	return nil
}

func (x *exchange) revoke(req RevokeRequest) (*Revocation, error) {
	if err := checkPlugin(req.Plugin); err != nil {
		return nil, err
	}
	return x.Revoke(x.whole(), req)
}

func (x *exchange) forgetPublisher(req PublisherRequest) (empty, error) {
	if req.Namespace == "" {
		return empty{}, protocol.Errorf(protocol.Invalid, "want the namespace of a publisher")
	}
	return empty{}, x.ForgetPublisher(x.whole(), req.Namespace)
}
