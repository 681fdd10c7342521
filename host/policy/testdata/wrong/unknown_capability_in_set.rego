# want 4: "mail.snd" is not in the vocabulary of capabilities; did you mean "mail.send"?
package ambit.owner.a

outward := {"mail.snd", "call.place"}

deny contains "not outward" if input.action.name in outward
