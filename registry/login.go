package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
)

// Login asks a registry whether it takes a name and a password, and if so keeps
// them where the usual tools do: in the credential helper of the Docker
// configuration or of the system, and if there is none in that configuration's
// file, which is then told by plain.
func (o OCI) Login(ctx context.Context, host, user, password string) (plain bool, err error) {
	store, err := o.credentials(credentials.StoreOptions{AllowPlaintextPut: true, DetectDefaultNativeStore: true})
	if err != nil {
		return false, err
	}
	at, err := registryHost(host)
	if err != nil {
		return false, err
	}
	client, done, err := o.client(at.Host())
	if err != nil {
		return false, err
	}
	defer done()
	reg := &remote.Registry{RepositoryOptions: remote.RepositoryOptions{Reference: at, PlainHTTP: originOf(at.Host()).Scheme == "http", Client: client}}
	// oras asks for /v2/; a registry that lets everyone in there has not checked
	// anything, and there is nothing else to ask that every registry has.
	if err := credentials.Login(ctx, store, reg, auth.Credential{Username: user, Password: password}); err != nil {
		return false, fmt.Errorf("registry: %w", err)
	}
	return inFile(store.ConfigPath(), at.Registry), nil
}

// inFile reports whether a Docker configuration holds a password itself.
func inFile(path, host string) bool {
	b, err := readCapped(path, maxManifest)
	if err != nil {
		return false
	}
	var c struct {
		Auths map[string]struct {
			Auth string `json:"auth"`
		} `json:"auths"`
	}
	return json.Unmarshal(b, &c) == nil && c.Auths[credentials.ServerAddressFromRegistry(host)].Auth != ""
}

// Logout forgets what is kept for a registry.
func (o OCI) Logout(ctx context.Context, host string) error {
	store, err := o.credentials(credentials.StoreOptions{})
	if err != nil {
		return err
	}
	at, err := registryHost(host)
	if err != nil {
		return err
	}
	if kept, err := credentials.Credential(store)(ctx, at.Host()); err == nil && kept == auth.EmptyCredential {
		return fmt.Errorf("registry: nothing is kept for %s", host)
	}
	if err := credentials.Logout(ctx, store, at.Registry); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	return nil
}

// registryHost reads "host[:port]".
func registryHost(s string) (registry.Reference, error) {
	at := registry.Reference{Registry: s}
	if err := errors.Join(at.ValidateRegistry()); err != nil || s == "" {
		return at, fmt.Errorf("registry: %.120q: want HOST or HOST:PORT", s)
	}
	return at, nil
}
