//go:build !unix

package cell

import "errors"

func become(order) error { return errors.New("native plugins can't run on this system yet") }
