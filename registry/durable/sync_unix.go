//go:build !windows

package durable

import (
	"errors"
	"os"
)

// Sync makes a rename durable.
func Sync(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // a folder of the owner's own home
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
