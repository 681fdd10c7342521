package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ambithost/ambit/sdk/model"
)

// readImages reads the files of --image; what they are shows in their bytes.
func readImages(names []string) (list []model.Image, err error) {
	if len(names) > model.MaxImages {
		return nil, usagef("--image: %d files, the limit is %d", len(names), model.MaxImages)
	}
	for _, name := range names {
		data, err := readUpTo(name, model.MaxImage)
		if err != nil {
			return nil, fmt.Errorf("--image: %w", err)
		}
		image, err := model.ImageOf(data)
		if err != nil {
			return nil, usagef("--image %s: %v", name, err)
		}
		list = append(list, image)
	}
	return list, nil
}

// readUpTo reads a file, one byte more than the limit at most: that one is for
// the check to find.
func readUpTo(name string, limit int64) (b []byte, err error) {
	f, err := os.Open(name) //nolint:gosec // the owner names it
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.ReadAll(io.LimitReader(f, limit+1))
}
