// Package server is a registry for plugins: an OCI registry that takes only what
// a publisher signed. Entry point: [Open], whose [Server] is an http.Handler.
//
// It guarantees: a version that is published stays what it is; nothing is
// published under a namespace but by the key that first signed there, or by one
// that it handed over to; what is stored is a plugin or the signature of one; an
// upload beyond its limit is refused. Pulling is open to all. It asks nobody for a
// password: who can reach it can claim a namespace that is free, and can send blobs.
package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/olareg/olareg"
	"github.com/olareg/olareg/config"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/ambithost/ambit/registry/artifact"
	"github.com/ambithost/ambit/registry/trust"
)

// Server is a registry in a folder.
type Server struct {
	store *olareg.Server
	now   func() time.Time

	mu   sync.Mutex  // held while something is judged and stored
	book *trust.Book // which key signs in which namespace
}

// Open opens a registry's folder, or makes it. One server at a time may have it.
func Open(dir string, now func() time.Time) (*Server, error) {
	content := filepath.Join(dir, "content")
	if err := os.MkdirAll(content, 0o700); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	book, err := trust.OpenBook(filepath.Join(dir, "namespaces.json"))
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	return &Server{book: book, now: now, store: olareg.New(config.Config{
		Storage: config.ConfigStorage{StoreType: config.StoreDir, RootDir: content},
		API:     config.ConfigAPI{Manifest: config.ConfigAPIManifest{Limit: artifact.MaxManifest}},
	})}, nil
}

// Close ends the store's own work, once no request is served any more.
func (s *Server) Close() error {
	if err := s.store.Close(); err != nil {
		return fmt.Errorf("server: %w", err)
	}
	return nil
}

// ServeHTTP serves the OCI distribution API under /v2/.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// The store judges the cleaned path; what is judged here has to be the same.
	clean := path.Clean("/" + r.URL.Path)
	if clean == "/v2" {
		clean = "/v2/"
	}
	r.URL.Path, r.URL.RawPath = clean, ""
	parts := strings.Split(strings.Trim(clean, "/"), "/")
	n := len(parts)
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		s.store.ServeHTTP(w, r)
	case parts[0] == "v2" && n >= 4 && parts[n-2] == "manifests" && r.Method == http.MethodPut:
		s.putManifest(w, r, strings.Join(parts[1:n-2], "/"), parts[n-1])
	case parts[0] == "v2" && (r.Method == http.MethodPost || r.Method == http.MethodPut):
		r.Body = http.MaxBytesReader(w, r.Body, artifact.MaxModule)
		s.store.ServeHTTP(w, r)
	default: // no deletion, and no upload in parts, whose sum nothing here would limit
		refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", errors.New("this registry deletes nothing and takes a blob in one piece"))
	}
}

// putManifest judges a manifest, and lets the store have it if it may be there.
func (s *Server) putManifest(w http.ResponseWriter, r *http.Request, repository, reference string) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, artifact.MaxManifest))
	if err != nil {
		refuse(w, http.StatusRequestEntityTooLarge, "SIZE_INVALID", fmt.Errorf("a manifest has at most %d bytes", artifact.MaxManifest))
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.URL.RawQuery != "" { // would name tags that are not judged
		err = errors.New("put a manifest without parameters")
	} else {
		err = s.judge(repository, reference, body)
	}
	switch {
	case errors.Is(err, ErrMoved):
		refuse(w, http.StatusConflict, "DENIED", err)
	case errors.Is(err, trust.ErrOtherKey), errors.Is(err, ErrUnsigned), errors.Is(err, trust.ErrSignature):
		refuse(w, http.StatusForbidden, "DENIED", err)
	case err != nil:
		refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", err)
	default:
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.Header.Set("Content-Type", ocispec.MediaTypeImageManifest) // as it was judged
		s.store.ServeHTTP(w, r)
	}
}

func refuse(w http.ResponseWriter, status int, code string, err error) {
	type problem struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string][]problem{"errors": {{code, err.Error()}}})
}
