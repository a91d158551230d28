package config

import (
	"os"
	"path/filepath"
)

// credentialsDir is set by systemd for a service with LoadCredential.
const credentialsDir = "CREDENTIALS_DIRECTORY"

// credential returns where to read a file of a secret. systemd hands a service copies of
// the files of a folder, which the service's own user need not be able to read: with
// LoadCredential=secrets:/etc/x/secrets that of /etc/x/secrets/TOKEN is secrets_TOKEN. A
// file without a copy is read itself.
func credential(file string) string {
	copies := os.Getenv(credentialsDir)
	if copies == "" || !filepath.IsAbs(file) {
		return file
	}
	given := filepath.Join(copies, filepath.Base(filepath.Dir(file))+"_"+filepath.Base(file))
	if _, err := os.Stat(given); err != nil {
		return file
	}
	return given
}
