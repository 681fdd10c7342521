//go:build !windows

package registry

import (
	"errors"
	"os"
)

// syncDir makes a rename durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // a folder of the owner's own home
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
