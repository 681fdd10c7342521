# want 4: defines allow; a layer can't allow
package ambit.owner.a

allow if input.action.name == "mail.send"
