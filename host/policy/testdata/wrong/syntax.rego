# want 4: unexpected
package ambit.owner.a

deny contains "x" if input.action.name = = "mail.send"
