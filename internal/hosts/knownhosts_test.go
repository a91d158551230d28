package hosts

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"wrpdistributor/internal/hosts/hoststest"
	"wrpdistributor/internal/proctest"
)

// proxyTo names a variable that makes this binary the ProxyCommand of OpenSSH's
// client, which so takes any address for the server's.
const proxyTo = "HOSTS_TEST_PROXY_TO"

func TestMain(m *testing.M) {
	server, isProxy := os.LookupEnv(proxyTo)
	if !isProxy {
		os.Exit(m.Run())
	}
	conn, err := net.Dial("tcp", server)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		os.Exit(0)
	}()
	_, _ = io.Copy(os.Stdout, conn)
}

// TestHostKeysAreJudgedAsOpenSSHDoes shows the keys of a real server, under many
// names and with many files, to our client.
func TestHostKeysAreJudgedAsOpenSSHDoes(t *testing.T) { judgeHostKeys(t, "") }

// TestE2EHostKeysAreJudgedByOpenSSH shows them to OpenSSH's client as well.
func TestE2EHostKeysAreJudgedByOpenSSH(t *testing.T) {
	proctest.E2E(t)
	client, err := exec.LookPath("ssh")
	if err != nil {
		hoststest.Missing(t, "ssh (Debian package openssh-client)")
	}
	judgeHostKeys(t, client)
}

// judgeHostKeys shows the keys to our client, and to another one if that is not empty.
func judgeHostKeys(t *testing.T, client string) {
	t.Helper()
	private, ec := newECDSAKey(t)
	authority := newSigner(t)
	plain, certified := startServer(t, private, ec, authority, false), startServer(t, private, ec, authority, true)
	const a, high, b = "a.example:22", "a.example:2222", "b.example:22"
	hash := knownhosts.HashHostname
	for _, tt := range []struct{ name, addr, file, want string }{
		{"its name", a, "a.example ED", "known"},
		{"no line", a, "", "unknown"},
		{"another name", a, "b.example ED", "unknown"},
		{"another key", a, "a.example OTHER", "changed"},
		{"another key and its own", a, "a.example OTHER\na.example ED", "known"},
		{"its second key", a, "a.example EC", "known"},
		{"several names", a, "b.example,a.example ED comment", "known"},
		{"capitals in the file", a, "A.Example ED", "known"},
		{"capitals in the name", "A.EXAMPLE:22", "a.example ED", "known"},
		{"line of another host cut off in its key", a, "b.example ssh-ed25519 AAAAC3Nz\na.example ED", "known"},
		{"line of another host cut off before its key", a, "b.example ssh-ed25519\na.example ED", "known"},
		{"line cut off in the name, and continued", a, "b.exa\na.example ED", "known"},
		{"its own line cut off", a, "a.example ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA", "unknown"},
		{"two lines run together", a, "a.example ssh-ed25519 AAAAC3a.example ED\na.example ED", "known"},
		{"bytes of no meaning", a, "\x00\xff\xfe \x00\n|1|x|y ED\na.example ED", "known"},
		{"a very long line", a, "b.example ssh-rsa " + strings.Repeat("A", 100_000) + "\na.example ED", "known"},
		{"type and key differ", a, "a.example ssh-rsa EDBLOB", "unknown"},
		{"unknown marker", a, "@trusted a.example ED", "unknown"},
		{"comments, blanks and line ends of Windows", a, "# a.example OTHER\r\n\r\n \t a.example\tED\r\n", "known"},
		{"port", high, "[a.example]:2222 ED", "known"},
		{"port, another key", high, "[a.example]:2222 OTHER", "changed"},
		{"port, name without one", high, "a.example ED", "known"},
		{"port, name without one and another key", high, "a.example OTHER", "unknown"},
		{"port of another", a, "[a.example]:2222 ED", "unknown"},
		{"usual port in brackets", a, "[a.example]:22 ED", "unknown"},
		{"address", "[2001:DB8::7]:22", "2001:db8::7 ED", "known"},
		{"address with port", "[2001:db8::7]:2222", "[2001:db8::7]:2222 ED", "known"},
		{"hashed", a, hash("a.example") + " ED", "known"},
		{"hashed with port", high, hash("[a.example]:2222") + " ED", "known"},
		{"hashed, another name", a, hash("b.example") + " ED", "unknown"},
		{"pattern", a, "?.exam* ED", "known"},
		{"pattern, with port", high, "*.example ED", "known"},
		{"pattern for all", high, "* OTHER", "changed"},
		{"point is no pattern", a, "a?exampl ED\naxexample OTHER", "unknown"},
		{"excluded", a, "*.example,!a.example ED", "unknown"},
		{"excluded in capitals", a, "*.example,!A.* ED", "unknown"},
		{"revoked", a, "@revoked * ED\n@revoked * EC\na.example ED", "revoked"},
		{"revoked for another", a, "@revoked b.example ED\na.example ED", "known"},
		{"authority", a, "@cert-authority *.example CA", "known"},
		{"authority and port", high, "@cert-authority *.example CA", "known"},
		{"authority in capitals", "A.example:22", "@cert-authority *.EXAMPLE CA", "known"},
		{"authority for others", a, "@cert-authority c.example CA", "unknown"},
		{"authority whose certificate is for others", b, "@cert-authority *.example CA", "unknown"},
		{"the same, and a key", b, "@cert-authority *.example CA\nb.example EC", "known"},
		{"another authority", a, "@cert-authority *.example OTHER", "unknown"},
		{"another authority and a key", a, "@cert-authority *.example OTHER\na.example EC", "known"},
		{"authority revoked", a, "@cert-authority *.example CA\n@revoked * CA", "revoked"},
		{"authority is no key of a host", a, "a.example CA", "changed"},
		{"key of a host is no authority", a, "@cert-authority a.example ED\n@cert-authority a.example EC", "unknown"},
	} {
		file, s := filepath.Join(t.TempDir(), "known_hosts"), plain
		if strings.Contains(tt.file, " CA") || strings.Contains(tt.file, "@cert-authority") {
			s = certified
		}
		must(t, os.WriteFile(file, []byte(s.fill(tt.file)), 0o600))
		if client != "" {
			if got := openSSHSays(t, client, s.addr, tt.addr, file); got != tt.want {
				t.Errorf("%s: OpenSSH says %s, the table %s", tt.name, got, tt.want)
			}
		}
		if got := weSay(t, s.addr, tt.addr, file); got != tt.want {
			t.Errorf("%s: we say %s, want %s", tt.name, got, tt.want)
		}
	}
}

// FuzzPatterns: a pattern matches what the regular expression that says the same does.
func FuzzPatterns(f *testing.F) {
	for _, seed := range [][2]string{
		{"*", ""}, {"?", ""}, {"a*", "a"}, {"*a", "ba"}, {"a*c", "abbc"}, {"a*b*c", "aXbYbZc"}, {"a**c", "ac"},
		{"*ab", "aab"}, {"a?c", "abc"}, {"?*?", "a"}, {"*.x", "a.y"}, {"a.b", "aXb"}, {"[a]:1", "[a]:1"}, {"*aab*", "aaab"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if strings.ContainsFunc(pattern+name, func(r rune) bool { return r >= utf8.RuneSelf }) {
			t.Skip("bytes and characters differ")
		}
		expr := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
		want := regexp.MustCompile(`(?s)\A` + expr + `\z`).MatchString(name)
		if got := matchesPattern(pattern, name); got != want {
			t.Errorf("%q matches %q: %t, want %t", pattern, name, got, want)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A server is a real sshd with two keys, ED and EC, the second of which may have a
// certificate for the name a.example.
type server struct {
	addr  string
	words *strings.Replacer
}

// fill puts keys for their names.
func (s server) fill(text string) string { return s.words.Replace(text) }

func startServer(t *testing.T, private []byte, ec ssh.PublicKey, authority ssh.Signer, certified bool) server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(file, private, 0o600))
	config := "MaxStartups 100\nHostKey " + file
	if certified {
		cert := &ssh.Certificate{Key: ec, CertType: ssh.HostCert, ValidPrincipals: []string{"a.example"}, ValidBefore: ssh.CertTimeInfinity}
		must(t, cert.SignCert(rand.Reader, authority))
		must(t, os.WriteFile(file+"-cert.pub", ssh.MarshalAuthorizedKey(cert), 0o600))
		config += "\nHostCertificate " + file + "-cert.pub"
	}
	sshd := hoststest.StartSSHD(t, hoststest.SSHDOptions{Config: config})
	text, err := os.ReadFile(sshd.KnownHosts)
	must(t, err)
	_, ed, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	_, blob, _ := strings.Cut(ed, " ")
	// With the blank before them: hashed names may have such letters.
	return server{sshd.Addr, strings.NewReplacer(" EDBLOB", " "+blob, " ED", " "+ed, "\tED", "\t"+ed, " EC", " "+keyText(ec),
		" CA", " "+keyText(authority.PublicKey()), " OTHER", " "+keyText(newSigner(t).PublicKey()))}
}

func newECDSAKey(t *testing.T) (private []byte, public ssh.PublicKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(key, "")
	must(t, err)
	public, err = ssh.NewPublicKey(key.Public())
	must(t, err)
	return pem.EncodeToMemory(block), public
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(private)
	must(t, err)
	return signer
}

func keyText(k ssh.PublicKey) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k))) }

// openSSHSays has OpenSSH's client log in at server, which it takes for addr.
func openSSHSays(t *testing.T, client, server, addr, file string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	must(t, err)
	cmd := exec.CommandContext(t.Context(), client, "-F", "none", "-p", port, "-o", "UserKnownHostsFile="+file,
		"-o", "GlobalKnownHostsFile=none", "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "ProxyCommand="+os.Args[0],
		"-o", "PreferredAuthentications=none", "nobody@"+host, "true")
	cmd.Env = append(os.Environ(), proxyTo+"="+server)
	out, err := cmd.CombinedOutput()
	for text, verdict := range map[string]string{
		"Permission denied": "known", "host key is known for": "unknown", "HOST IDENTIFICATION HAS CHANGED": "changed", "REVOKED": "revoked",
	} {
		if strings.Contains(string(out), text) {
			return verdict
		}
	}
	return fmt.Sprintf("%v: %s", err, out)
}

// weSay is what our client makes of the same.
func weSay(t *testing.T, server, addr, file string) string {
	t.Helper()
	keys := &hostKeys{KnownHosts: KnownHosts{Files: []string{file}}, log: slog.New(slog.DiscardHandler)}
	conn, err := net.Dial("tcp", server)
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(time.Minute)))
	verdict := "nothing"
	_, _, _, err = ssh.NewClientConn(conn, addr, &ssh.ClientConfig{
		User: "nobody", HostKeyAlgorithms: keys.algorithms(addr),
		HostKeyCallback: func(addr string, remote net.Addr, key ssh.PublicKey) error {
			err := keys.hostKeyCallback(addr, remote, key)
			switch {
			case err == nil:
				verdict = "known"
			case errors.Is(err, errKeyMismatch):
				verdict = "changed"
			case errors.Is(err, errKeyRevoked):
				verdict = "revoked"
			case strings.Contains(err.Error(), "is unknown"):
				verdict = "unknown"
			}
			return err
		},
	})
	if verdict == "nothing" {
		return fmt.Sprint(err)
	}
	return verdict
}
