# want 4: input.context has no "lables"; did you mean "labels"?
package ambit.owner.a

deny contains "strangers" if "untrusted" in input.context.lables
