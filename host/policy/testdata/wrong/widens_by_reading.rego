# want 4: reads data.ambit.base.admitted
package ambit.owner.a

deny contains "x" if data.ambit.base.admitted
