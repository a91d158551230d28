package dashboard

import (
	"fmt"
	"strings"

	"wrpdistributor/internal/statistics"
)

// altText is what those read who see no charts: the same as in one of which nothing is
// known; else the text below it is for them.
func altText(text string) string {
	if text == "" {
		return nothingKnown
	}
	return "chart"
}

func wordsOfSessions(points []statistics.Point) string {
	return onAverage(points, "sessions", func(p statistics.Point) (float64, int) { return p.Sessions, p.MostSessions })
}

func wordsOfClients(points []statistics.Point) string {
	return onAverage(points, "unique clients", func(p statistics.Point) (float64, int) { return p.Clients, p.MostClients })
}

// onAverage says of points what they are on average, and at most; nothing, if there are
// none.
func onAverage(points []statistics.Point, of string, values func(statistics.Point) (mean float64, most int)) string {
	if len(points) == 0 {
		return ""
	}
	samples, sum, most := 0, 0.0, 0
	for _, p := range points {
		mean, peak := values(p)
		samples += p.Samples
		sum += mean * float64(p.Samples)
		most = max(most, peak)
	}
	return fmt.Sprintf("%.1f %s on average, %d at most.", sum/float64(max(samples, 1)), of, most)
}

// wordsOfHosts says of the lines that are drawn what they are on average.
func wordsOfHosts(points []statistics.Point) string {
	var words []string
	for _, l := range perHost(points) {
		sum := 0.0
		for _, p := range points {
			sum += l.value(p)
		}
		words = append(words, fmt.Sprintf("%s %.1f", l.name, sum/float64(len(points))))
	}
	if len(words) == 0 {
		return ""
	}
	return "On average: " + strings.Join(words, ", ") + "."
}
