# want 4: input.resource.properties.amount is a number and is compared with "5000"
package ambit.owner.a

deny contains "too much" if input.resource.properties.amount > "5000"
