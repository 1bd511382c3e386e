/** Why a patch cannot be applied. Thrown and caught within `patches/`, where it becomes a finding. */
export class PatchProblem extends Error {}
