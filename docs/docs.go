// Package docs holds the one document that the service hands out itself.
package docs

import _ "embed"

// OpenAPI describes all of /v1.
//
//go:embed openapi.yaml
var OpenAPI string
