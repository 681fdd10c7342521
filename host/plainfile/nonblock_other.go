//go:build !unix

package plainfile

const openNonblock = 0
