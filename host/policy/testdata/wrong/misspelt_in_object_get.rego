# want 4: input.resource.properties has no "mercant"; did you mean "merchant"?
package ambit.owner.a

deny contains "who?" if object.get(input.resource.properties, "mercant", "") == "casino"
