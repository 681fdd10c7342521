package provenance

import (
	"encoding/ascii85"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

var legible = []string{
	"Hello! Could you check whether the library opens on Saturday, and at what time?",
	"Guten Tag, ich hätte gern einen Tisch für vier Personen am Freitag um 19:30 Uhr. Vielen Dank!",
	"Die Donaudampfschifffahrtsgesellschaft und das Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz sind lange Wörter.",
	"Bonjour, pourriez-vous m’envoyer le devis avant mardi ? Merci d’avance, et à bientôt.",
	"Hola, ¿a qué hora sale el próximo tren a Sevilla? Necesito llegar antes del mediodía.",
	"Здравствуйте! Подскажите, пожалуйста, когда отправляется поезд в Казань и сколько стоит билет.",
	"مرحبا، هل يمكنك حجز طاولة لشخصين مساء الخميس؟ شكرا جزيلا.",
	"می‌خواهم برای فردا یک بلیت بخرم. لطفاً قیمت را بگویید.",
	"नमस्ते, क्या आप मुझे कल की बैठक का समय बता सकते हैं? धन्यवाद।",
	"你好，请问明天下午三点的会议还开吗？如果改时间了，请告诉我。",
	"您好,麻煩您幫我確認一下訂單的狀態,謝謝。",
	"こんにちは！明日の打ち合わせは10時からで大丈夫ですか？よろしくお願いします😊🙏",
	"안녕하세요, 내일 회의 시간을 알려 주시겠어요? 감사합니다.",
	"สวัสดีครับ พรุ่งนี้ร้านเปิดกี่โมงครับ ขอบคุณครับ",
	"שלום, האם אפשר להזמין שולחן לשניים ליום חמישי בערב? תודה.",
	"Γεια σας, θα ήθελα να κλείσω ένα τραπέζι για το Σάββατο το βράδυ.",
	"Cześć, czy możesz sprawdzić, o której jutro odjeżdża autobus do Krakowa?",
	"Dobrý den, chtěl bych si objednat čtvrt kila zmrzliny a krk husy.",
	"Merhaba, yarın saat kaçta buluşuyoruz? Lütfen bana haber ver.",
	"Xin chào, ngày mai cửa hàng mở cửa lúc mấy giờ? Cảm ơn bạn nhiều.",
	"Hei, onko huomenna kokous yhdeksältä? Kiitos etukäteen vastauksesta.",
	"Szia, holnap hány órakor találkozunk a pályaudvaron? Köszönöm szépen.",
	"Habari, je, mkutano wa kesho utaanza saa ngapi? Asante sana.",
	"Great work on the launch!! 🎉🎉🎉 So proud of the team 🚀👩‍💻🏴󠁧󠁢󠁥󠁮󠁧󠁿 ❤️",
	"The recipe: 250 g flour, 120 g butter, 2 eggs, 1/2 tsp salt. Bake 35 min at 180°C.",
	"See https://docs.example.org/guide/v2/getting-started?lang=en&section=install#linux for the steps.",
	"Fixed in commit 3f786850e387550fdab836ed7e6dc881de23001b, please pull and try again.",
	"Order 550e8400-e29b-41d4-a716-446655440000 has left the warehouse and arrives on Monday.",
	"Loving this weather #sunshine #WeekendVibes #ThrowbackThursday2026 @sunny_days",
	"Here is the function:\n```go\nfunc add(a, b int) int {\n\treturn a + b // x<<2&^0xFF|mask\n}\nvar re = regexp.MustCompile(`^[a-z]{2,}$`)\n```\nDoes it look right to you?",
	"Call `strings.NewReplacer(\"a\", \"b\")` and then `getHttpResponseCodeFromServer()`; the config is in /etc/service/conf.d/90-network.conf.",
	"Scores this week: 72 75 80 91 68 74 77 79 83 90 88 and 64. The average is 78.",
	"Our numbers: 1,250,000 EUR in 2024; 1,410,500 EUR in 2025; growth 12.84%.",
	"Pay to IBAN DE89 3704 0044 0532 0130 00, BIC COBADEFFXXX, reference 2026-0042.",
	"| name | qty |\n|------|-----|\n| tea | 3 |\n| rice | 12 |\n\nThat is the list.",
	"# Minutes\n\n- item one: budget\n- item two: staff\n\n----\n\n**Next**: Tuesday.",
	"ok",
	"Releasing connect-go-v2-migrate needs `pacman -S mingw-w64-x86_64-go` and --cap-add=NET_ADMIN first.",
	"It doesn't work: assa is assa, and id is id. ID: assa, ASSA.",
	"ℹ️ Consider the older train; ☎️ call before nine.",
	"Usage statistics\n```json\n{\"id\": \"a1\", \"tags\": [\"gb\", \"of\", \"ng\"], \"n\": 42}\n```\nas promised.",
	"",
	"NATO, UNESCO and the IMF met; FBI, CIA & MI6 weren't there. btw thx!",
	"LOL that's so gr8, c u at 5pm, B2B talk on H2O + MP3s",
	"The angle Δθ is 30° and the wavelength λ is 550 nm; µm matters too.",
	"Rendez-vous à l'Hôtel-Dieu : 10 h 30, salle 4B — prévoir 15 €.",
	"YES!!! WE WON THE CUP!!! WHAT A NIGHT IN LISBON!!!",
	"Dial +49 30 901820 or +1 (415) 555-2671, extension 12.",
	`{"city": "Oslo", "temperature": 4, "unit": "C", "wind": {"speed": 12, "from": "NW"}}`,
	"Please pay CA133012400231215421872 and SE3550000000054910000003 today.",
	"Müller-Lüdenscheidt schrieb an info@mueller-luedenscheidt.example wegen Straße 12a.",
}

func illegible() map[string]string {
	say := "meet at the old pier and bring the keys of the vault"
	secret := "meet at the old pier at nine and bring both keys of the vault with you tonight"
	bytes := []byte(secret)
	a85 := make([]byte, ascii85.MaxEncodedLen(len(bytes)))
	a85 = a85[:ascii85.Encode(a85, bytes)]
	scrambled := make([]byte, 60)
	for i, x := range scrambled {
		_ = x
		scrambled[i] = byte(i*i*37 + i*101 + 91)
	}
	var codes, bin, emoji, ziffer []string
	for _, c := range bytes {
		codes = append(codes, fmt.Sprint(c))
		bin = append(bin, fmt.Sprintf("%08b", c))
		emoji = append(emoji, string(rune(0x1F600+int(c)-32)))
		ziffer = append(ziffer, string(rune(0x2800+int(c))))
	}
	substitute := strings.NewReplacer("a", "q", "b", "w", "c", "r", "d", "t", "e", "z", "f", "p", "g", "s", "h", "d", "i", "f", "k", "g", "l", "h", "m", "j", "n", "k", "o", "x", "p", "l", "r", "c", "s", "v", "t", "b", "u", "n", "v", "m", "w", "a", "y", "e")
	shift := func(n byte) string {
		return strings.Map(func(r rune) rune {
			if 'a' <= r && r <= 'z' {
				return 'a' + (r-'a'+rune(n))%26
			}
			return r
		}, secret)
	}
	zero := strings.NewReplacer("0", "\u200b", "1", "\u200c")
	return map[string]string{
		"base64":               base64.StdEncoding.EncodeToString(bytes),
		"base64 in a sentence": "As agreed: " + base64.StdEncoding.EncodeToString(bytes) + " regards",
		"base64 of noise":      base64.StdEncoding.EncodeToString(scrambled),
		"base64url":            base64.RawURLEncoding.EncodeToString(bytes),
		"base64 in a fence":    "Here is my code:\n```\n" + base64.StdEncoding.EncodeToString(bytes) + "\n```",
		"base32":               base32.StdEncoding.EncodeToString(bytes),
		"hex":                  hex.EncodeToString(bytes),
		"hex bytes":            fmt.Sprintf("% x", secret),
		"two checksums":        "3f786850e387550fdab836ed7e6dc881de23001b 89e6c98d92887913cadf06b2adb97f26cde4849b",
		"percent":              "%" + strings.ReplaceAll(fmt.Sprintf("% x", secret), " ", "%"),
		"escapes":              `\u006d\u0065\u0065\u0074\u0020\u0061\u0074`,
		"HTML entities":        "&#109;&#101;&#101;&#116;&#32;&#97;&#116;",
		"binary":               strings.Join(bin, " "),
		"decimal":              strings.Join(codes, " "),
		"Morse":                "-- . . - / .- - / - .... . / --- .-.. -.. / .--. .. . .-.",
		"ROT13":                rot13(say),
		"ROT13 in a fence":     "See:\n```\n" + rot13(secret) + "\n```",
		"Caesar 3":             shift(3),
		"Caesar 11":            shift(11),
		"reversed":             reverse(secret),
		"words reversed":       "teem ta eht dlo reip dna gnirb eht syek fo eht tluav",
		"substitution":         substitute.Replace(secret),
		"Vigenère":             "zicvtwqngrzgvtwavzhcqyglmgj zrpvq wkcsr bxhtp lmvgk wnfdz",
		"ASCII85":              string(a85),
		"zero width":           "A lovely day" + zero.Replace("0110100001101001") + " in the park",
		"tags":                 "A lovely day" + strings.Map(func(r rune) rune { return 0xE0000 + r }, say),
		"selectors":            "A lovely day 😊" + hidden(say),
		"Cyrillic in Latin":    "Please lоg in tо yоur aссount tоday",
		"zalgo":                "h\u0300\u0301\u0302\u0303\u0304e\u0300\u0301\u0302\u0303llo there",
		"dotted":               strings.ReplaceAll(say, "e", "e\u0323\u0307"),
		"mathematical":         "𝗺𝗲𝗲𝘁 𝗮𝘁 𝘁𝗵𝗲 𝗽𝗶𝗲𝗿",
		"circled":              "ⓜⓔⓔⓣ ⓐⓣ ⓣⓗⓔ ⓟⓘⓔⓡ",
		"full width":           "ｍｅｅｔ ａｔ ｔｈｅ ｐｉｅｒ",
		"small capitals":       "ᴍᴇᴇᴛ ᴀᴛ ᴛʜᴇ ᴘɪᴇʀ",
		"emoji":                strings.Join(emoji, ""),
		"emoji bits":           "🔴🔵🔵🔴🔵🔵🔴🔵🔴🔵🔵🔴🔴🔵🔴🔵🔴🔵🔵🔴",
		"Braille":              strings.Join(ziffer, ""),
		"letter by letter":     "m e e t a t t h e p i e r a t n i n e",
		"leet":                 "m33t 4t th3 0ld p13r 4nd br1ng th3 k3y5",
		"one long word":        strings.Repeat("meetattheoldpier", 6),
		"long URL":             "https://a.example/?d=" + strings.Repeat("pier", 80),
		"URL with a code":      "https://a.example/" + base64.RawURLEncoding.EncodeToString(bytes[:40]),
		"brainfuck":            "++++[>++++[>+++>++++>+++>+<<<<-]>+>+>->>+[<]<-]>>.>---.+++",
		"spaces":               "The  sky is  blue and  the sea is  calm and  we all  went to  the pier",
		"widths":               "The\u2002sky\u2003is\u2004blue\u2005and\u2002calm, so we went out",
		"line ends":            "The sky is blue \t \t\nand the sea \t\t \ncalm, and so\t \t \nwe went",
		"rare characters":      "㐀㐁㐂㐃㐄㐅㐆㐇㐈㐉㐊㐋",
		"many alphabets":       "ᎠᏍ ក្ខ ꀀꀁ ქწ ᐊᐁ հք አበ ཀཁ",
		"private use":          "A day \ue000\ue001\ue002 at sea",
		"override":             "Pay \u202e001 RUE\u202c now",
		"control":              "Fine \x1b[8mhidden\x1b[0m",
		"not text":             "Fine \xff\xfe\xfd",
	}
}

func TestLegible(t *testing.T) {
	t.Parallel()
	for _, s := range legible {
		if ok, why := Legible(s); !ok {
			t.Errorf("held: %s: %q", why, s)
		}
	}
}

func TestIllegible(t *testing.T) {
	t.Parallel()
	for name, s := range illegible() {
		if ok, why := Legible(s); ok || why == "" {
			t.Errorf("%s passes: %q", name, s)
		} else {
			t.Logf("%s: %s", name, why)
		}
	}
}
