package provenance

import "strings"

// lookAlikes maps characters to the ASCII letters they are mistaken for, and
// letters with a stroke or joined to their usual spelling. Accented letters,
// full-width, mathematical, circled and superscript ones are not here: NFKD
// knows them. Lower and upper case go to the same letter, by the upper case
// where they differ, so that folding stays blind to case. The list is the part
// of Unicode's confusables (UTS 39) that reads as a Latin letter in print;
// a character that is missing costs a match, and then the union applies.
var lookAlikes = pairs(`
аaвbсcԁdеeёeғfԍgнhһhіiїiјjкkӏlмmоoрpԛqгrѕsтtѵvѡwԝwхxуyүyҮYзzьbѐeєe
αaβbεeζzηhιiκkμmνnοoρpτtυyχxϲcϳjϒYϑo
օoսuհhոnզqցgյj
ꭺAᏴBᏟCᎠDᎬEᏀGᎻHᏆIᎫJᏦKᏞLᎷMᏢPᏒRᏚSᎢTᏙVᎳWᏃZᎪA
ꓐBꓚCꓓDꓰEꓝFꓖGꓧHꓲIꓙJꓗKꓡLꓟMꓠNꓳOꓑPꓣRꓢSꓔTꓴUꓦVꓪWꓫXꓬYꓜZꓮA
ⲟoⲣpⲥcⲭxⲕkⲙmⲛnⲧtⲩyⲁaⲉeⲓi
ᴀAʙBᴄCᴅDᴇEꜰFɢGʜHɪIᴊJᴋKʟLᴍMɴNᴏOᴘPʀRꜱSᴛTᴜUᴠVᴡWʏYᴢZ
ɑaɐaƀbɓbƈcɕcđdɖdɗdɘeǝeəeɛeƒfɠgɡgħhɦhıiɨiɩiȷjʝjƙkłlƚlɫlɭlɱmɲnɳnŋnøoɵoɔoƥpʠqɼrɽrɾrʂsʃsŧtƭtʈtʉuʊuʋvʌvʍwʎyƴyƶzʐzʑz
∅0⁄/∕/․.‐-‑-‒-–-—-―-−-꞉:ː:＠@❘l∣lǀl⏐l
`, map[rune]string{'ß': "ss", 'ẞ': "SS", 'æ': "ae", 'œ': "oe", 'þ': "th", 'ð': "d"})

// pairs reads a table in which each character is followed by its look-alike.
func pairs(table string, more map[rune]string) map[rune]string {
	rs := []rune(strings.Join(strings.Fields(table), ""))
	for i := 0; i+1 < len(rs); i += 2 {
		more[rs[i]] = string(rs[i+1])
	}
	return more
}
