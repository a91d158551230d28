package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestDotenvValues(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       map[string]string
	}{
		{"empty", "", nil},
		{"blank lines and comments", "\n # A=1\n\t\n#\nB=2\n# end", map[string]string{"B": "2"}},
		{"spaces around", "  A =  1 2\t \n\tB= x", map[string]string{"A": "1 2", "B": "x"}},
		{"nothing", "A=\nB= \nC=", map[string]string{"A": "", "B": "", "C": ""}},
		{"line ends of Windows", "A=1\r\nB='2'\r\nC=\"3\"\r\n\r\nD=4\r\n", map[string]string{"A": "1", "B": "2", "C": "3", "D": "4"}},
		{"export", "export A=1\nexport\tB=2\nexportC=3\nexport=4", map[string]string{"A": "1", "B": "2", "exportC": "3", "export": "4"}},
		{"colon", "A: 1\nB:2", map[string]string{"A": "1", "B": "2"}},
		{"separators in the value", "A=b=c:d\nB=mysql:host=x;dbname=y", map[string]string{"A": "b=c:d", "B": "mysql:host=x;dbname=y"}},
		{"the last one counts", "A=1\nA=2", map[string]string{"A": "2"}},
		{"comment after a value", "A=1 # one\nB='2' # two\nC=\"3\"# three", map[string]string{"A": "1", "B": "2", "C": "3"}},
		{"# in a word", "A=1#2\nB=#3\nC='4 # 5'", map[string]string{"A": "1#2", "B": "#3", "C": "4 # 5"}},
		{"quotes inside a value", `A=-a "b c" d` + "\nB=it's", map[string]string{"A": `-a "b c" d`, "B": "it's"}},
		{"single quotes keep all", `A='a\n"b" ${B} $C'`, map[string]string{"A": `a\n"b" ${B} $C`}},
		{"double quotes", `A="a\nb\r\"c\" \\ \t 'd'"`, map[string]string{"A": "a\nb\r\"c\" \\ t 'd'"}},
		{"several lines", "A='1\n2'\nB=\"3\n\n# 4\"\nC=5", map[string]string{"A": "1\n2", "B": "3\n\n# 4", "C": "5"}},
		{"several lines of Windows", "A='1\r\n2'\r\nB=3", map[string]string{"A": "1\n2", "B": "3"}},
		{"backslash without quotes", `A=C:\new`, map[string]string{"A": `C:\new`}},
		{"lonely $", "A=pa$WORD$1\nB=\"$A$\"\nC='$A'\nD=$", map[string]string{"A": "pa$WORD$1", "B": "$A$", "C": "$A", "D": "$"}},
		{"$ in front of a bracket", "A=a$(b)\nB=\"$(b)\"", map[string]string{"A": "a$(b)", "B": "$(b)"}},
		{"${NAME}", "A=1\nB=${A}2${A}\nC=\"<${B}>\"\nD=x${NONE}y", map[string]string{"A": "1", "B": "121", "C": "<121>", "D": "xy"}},
		{"only what stands above", "A=${B}\nB=1", map[string]string{"A": "", "B": "1"}},
		{"not expanded twice", "A='${B}'\nB=1\nC=${A}", map[string]string{"A": "${B}", "B": "1", "C": "${B}"}},
		{"no name in the braces", "A=${}\nB=${a}", map[string]string{"A": "${}", "B": "${a}"}},
		{"escaped $", `B=1` + "\n" + `A="\${B} \$B"` + "\nC=\\${B}", map[string]string{"A": "${B} $B", "B": "1", "C": "${B}"}},
		{"letters of the world", "A=äöü ☃\nB=\"äöü ☃\"", map[string]string{"A": "äöü ☃", "B": "äöü ☃"}},
		{"spaces that do not break", "A\u00a0=\u00a01\nB=2\u00a0# two\nC=\u00a0'3'\nD=4\u0085", map[string]string{"A": "1", "B": "2", "C": "3", "D": "4"}},
		{"mark of an encoding", "\ufeffA=1\nB=2", map[string]string{"A": "1", "B": "2"}},
		{"a name with a point", "a.b_C1=x", map[string]string{"a.b_C1": "x"}},
	} {
		file := writeFile(t, filepath.Join(t.TempDir(), "env"), tt.text)
		got, bad, err := readFile(file)
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" || err != nil || bad != nil {
			t.Errorf("%s: %v, bad lines %v (-want +got):\n%s", tt.name, err, bad, diff)
		}
	}
}

// TestDotenvBadLinesHideNothing: what stands on other lines is read all the same.
func TestDotenvBadLinesHideNothing(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		lines      []int
		want       map[string]string
	}{
		{"no separator", "A=1\n\nhunter2\nB=2", []int{3}, map[string]string{"A": "1", "B": "2"}},
		{"no separator, end of the file", "A=1\nhunter2", []int{2}, map[string]string{"A": "1"}},
		{"a bad name", "A=1\nhunter2-x=hunter2\nB=2", []int{2}, map[string]string{"A": "1", "B": "2"}},
		{"single quote not closed", "A=1\nB='hunter2\nhunter2\nC=3", []int{2, 3}, map[string]string{"A": "1", "C": "3"}},
		{"double quote not closed", "A=1\r\nB=\"hunter2\\\"\r\nC=2", []int{2}, map[string]string{"A": "1", "C": "2"}},
		{"words after a quote", "A='1' hunter2\nB=2", []int{1}, map[string]string{"A": "1", "B": "2"}},
		{"several", "x\nA=1\ny\nB=2\nz", []int{1, 3, 5}, map[string]string{"A": "1", "B": "2"}},
	} {
		got, bad := parseDotenv(tt.text)
		if diff := cmp.Diff(tt.want, got); diff != "" || !slices.Equal(bad, tt.lines) {
			t.Errorf("%s: bad lines %v, want %v (-want +got):\n%s", tt.name, bad, tt.lines, diff)
		}
	}
}

func TestFileInAnotherEncodingIsNamed(t *testing.T) {
	for _, text := range []string{"\xff\xfeA\x00=\x001\x00", "\xfe\xff\x00A\x00=\x001"} {
		file := writeFile(t, filepath.Join(t.TempDir(), "env"), text)
		if _, err := Load(file, nil); err == nil || !strings.HasPrefix(err.Error(), file+": it is UTF-16 text, want UTF-8") {
			t.Errorf("%q: %v, want the encoding named", text, err)
		}
	}
}
