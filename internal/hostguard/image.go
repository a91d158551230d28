package hostguard

import (
	"regexp"
	"strings"
)

// An Image is one that may be pulled and run, by the name that the distributor knows it by.
type Image struct {
	Name string // as configured: nothing else is run
	repo string // as engines are asked to pull it
	tag  string // or a digest
}

var (
	repoForm   = regexp.MustCompile(`^(?:[a-z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$`)
	tagForm    = regexp.MustCompile(`^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}$`)
	digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	onlyHex    = regexp.MustCompile(`^[0-9a-f]+$`)
)

const (
	defaultRegistry = "docker.io"
	officialFolder  = "library"
	defaultTag      = "latest"
)

// parseImage reads the name of an image. An id is none: engines take the beginning of
// one for it, which anybody's image may have.
func parseImage(name string) (Image, bool) {
	repo, tag := name, defaultTag
	if r, digest, ok := strings.Cut(name, "@"); ok {
		if !digestForm.MatchString(digest) {
			return Image{}, false
		}
		repo, tag = r, digest
		if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
			return Image{}, false // a tag beside a digest says nothing
		}
	} else if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		repo, tag = name[:i], name[i+1:]
		if !tagForm.MatchString(tag) {
			return Image{}, false
		}
	}
	isID := repo == "sha256" || name == repo && onlyHex.MatchString(repo)
	if isID || !repoForm.MatchString(repo) || len(repo) > 255 {
		return Image{}, false
	}
	return Image{Name: name, repo: normalized(repo), tag: tag}, true
}

// normalized returns a repository's name with its registry.
func normalized(repo string) string {
	first, _, nested := strings.Cut(repo, "/")
	switch {
	case !nested:
		return defaultRegistry + "/" + officialFolder + "/" + repo
	case strings.ContainsAny(first, ".:") || first == "localhost":
		return repo
	}
	return defaultRegistry + "/" + repo
}

// image returns the image of that name.
func (c *Config) image(name string) (Image, bool) {
	for _, i := range c.Images {
		if i.Name == name {
			return i, true
		}
	}
	return Image{}, false
}

// imageNames lists the images for people.
func (c *Config) imageNames() string {
	names := make([]string, len(c.Images))
	for i, image := range c.Images {
		names[i] = image.Name
	}
	return strings.Join(names, ", ")
}
