# want 4: a number is compared with a text, which it never equals
package ambit.owner.a

deny contains "too much" if input.resource.properties.amount == "5000"
