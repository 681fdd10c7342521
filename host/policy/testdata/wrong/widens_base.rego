# want 2: package ambit.base is not this folder's
package ambit.base

admitted if input.action.name == "mail.send"
