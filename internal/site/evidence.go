package site

// Evidence, in natural units of log odds, above which a token is a hash.
// Measured on 180,000 names of real packages: nothing but hashes passes either
// limit. Of random base64url, 17 in 20 pass the first and 18 in 20 the second.
const (
	certain = 2.5
	likely  = 1.0 // for code, where a bundler wrote
)

// evidence returns how much more likely t is a hash than a name: the sum over
// neighbouring characters of what their pair says. Letters speak by how rarely
// one follows the other in words; figures and camelCase by how rarely names
// switch. The weights are a logistic regression of random tokens against words
// joined as in names, rounded.
func evidence(t string) float64 {
	const (
		perBit, usual = 0.5, -3.1 // a pair of letters: so much for each bit, less what words have
		title         = -1.1      // a small letter after a capital
		shout         = 0.6       // a capital after a capital
		camel         = 3.0       // a capital after a small letter
		figureAgain   = -0.6
		figureNew     = 0.4
		letterNew     = 3.5 // after a figure
		joint         = 1.5 // a dash or underscore
	)
	sum := 0.0
	for i := range len(t) {
		k := kindOf(t[i])
		if k == joints {
			sum += joint
		}
		if i == 0 {
			continue
		}
		switch before := kindOf(t[i-1]); {
		case k == joints || before == joints:
		case k == figures && before == figures:
			sum += figureAgain
		case k == figures:
			sum += figureNew
		case before == figures:
			sum += letterNew
		case before == smalls && k == capitals:
			sum += camel
		default:
			sum += usual + perBit*bigram(t[i-1], t[i])
			if before == capitals && k == capitals {
				sum += shout
			} else if before == capitals {
				sum += title
			}
		}
	}
	return sum
}

// bigram returns the bits of letter b after letter a, in any case.
func bigram(a, b byte) float64 {
	const lower = 'a' - 'A'
	return float64(bigramBits[26*int((a|lower)-'a')+int((b|lower)-'a')] - '0')
}

type charKind int

const (
	joints charKind = iota
	figures
	smalls
	capitals
)

func kindOf(c byte) charKind {
	switch {
	case '0' <= c && c <= '9':
		return figures
	case 'a' <= c && c <= 'z':
		return smalls
	case 'A' <= c && c <= 'Z':
		return capitals
	}
	return joints
}

// bigramBits is -log2 of the probability that a letter follows another, in
// whole bits up to 9: a row for each first letter, a column for each second.
// Counted over the distinct words of English technical prose; pairs usual in
// abbreviations of the web (js, xml, db) are made cheaper.
const bigramBits = "" +
	"95449759596353959343667769" +
	"36563779359277477446377948" +
	"37583874594458278553579979" +
	"45642578389556567446567779" +
	"47436568799553756334866589" +
	"48664489299466369454498959" +
	"55572755498564368346578988" +
	"28772789399667379464588968" +
	"56445559999442469543959795" +
	"38974899799987333838399999" +
	"43752657396665658636587979" +
	"48652789398388388755577949" +
	"24772899397557339857489989" +
	"48433538496666479733668989" +
	"56448669696442559355445899" +
	"38553756597476359344598679" +
	"86357678799567978647197995" +
	"37552669396556378544667959" +
	"57473784396577548642497659" +
	"38572774399558469345598658" +
	"54564569499342749443999598" +
	"36652746399667546646765899" +
	"37563675399574448336777998" +
	"46483786499637429662779569" +
	"66575787499533628634777976" +
	"39671998399597579678796765"
