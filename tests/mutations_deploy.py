"""Plausible bugs in export, lowering and C++ builder for tests/mutate.py."""

from __future__ import annotations

from mutations import Mutation


def bug(name: str, file: str, old: str, new: str, *tests: str) -> Mutation:
    return Mutation(name, f"deploy/{file}", ((old, new),), tuple(f"deploy/{test}" for test in tests))


OUTPUTS = "test_outputs.py::test_every_output_keeps_its_columns"
GRAPH = "test_padded.py::test_the_graph_inside_is_the_graph_outside"
VALIDATE = "test_validate.py::test_all_runtimes_agree_with_keras[{}]"
BUILDER = "test_cpp.py::test_random_jets_give_the_same_edges_and_features[candidates-knn:3+radius:0.2+delaunay-3000-15]"
OBJECTS = "test_cpp_detector.py::test_ties_and_the_seam_are_one_rule[]"
ORDER = "test_signing.py::test_an_order_is_covered"
MANIFEST = "test_signing.py::test_every_value_of_a_manifest_is_covered"
RAW = "test_raw_vectors.py::test_of_every_sort_one[padded]"
FUSED = "lowering/test_attention.py::test_fused_is_plain"
POINT = "test_cpp.py::test_working_points_in_bins_are_those_of_python"
EVENT = "test_cpp.py::test_cones_and_densities_of_events_are_those_of_the_simulation"

DEPLOY = (
    # --- export
    bug(
        "columns of two outputs exchanged",
        "outputs.py",
        "([score, *others])",
        "([*others, score])",
        OUTPUTS,
    ),
    bug(
        "an output is dropped",
        "outputs.py",
        "([score, *others])",
        "([score, *others[1:]])",
        OUTPUTS,
    ),
    bug(
        "an output is as wide as Keras says",
        "outputs.py",
        "if shape != (2, *tensor.shape[1:]):",
        "if False:",
        "test_outputs.py::test_an_output_of_another_width_than_keras_says_is_refused",
    ),
    bug(
        "working points cut on the last output",
        "cmssw_model.py",
        "return heads[head][0]",
        "return list(heads.values())[-1][0]",
        "test_cmssw.py::test_working_points_cut_on_the_output_that_was_evaluated",
    ),
    bug(
        "a ratio is not multiplied by its quantity",
        "meaning.py",
        "times_quantity(scores[:, i], jets[name])",
        "scores[:, i]",
        "test_meaning.py",
    ),
    bug(
        "senders and receivers exchanged in the tensors",
        "interface.py",
        "np.stack([batch.senders, batch.receivers])",
        "np.stack([batch.receivers, batch.senders])",
        VALIDATE.format("edges"),
    ),
    bug(
        "edges of a jet start at the next one",
        "interface.py",
        "tf.cumsum(n_node, exclusive=True)",
        "tf.cumsum(n_node)",
        "test_interface.py::test_function_gives_the_models_scores",
    ),
    bug(
        "inside: one neighbour more",
        "padded.py",
        "tf.minimum(size, int(number))",
        "tf.minimum(size, int(number) + 1)",
        GRAPH,
    ),
    bug(
        "inside: φ does not wrap",
        "padded.py",
        "        if period:\n",
        "        if period and period > 10:\n",
        GRAPH,
    ),
    bug(
        "inside: a node is its own neighbour",
        "padded.py",
        "return -(_FAR**2) * tf.cast(same, tf.float64) - distance",
        "return -distance",
        GRAPH,
    ),
    bug(
        "inside: adjacency transposed",
        "padded.py",
        "return tf.cast(linked, tf.float32)",
        "return tf.cast(tf.transpose(linked, (0, 2, 1)), tf.float32)",
        GRAPH,
    ),
    bug("inside: ties go to the higher index", "padded.py", "slot <= last_slot", "slot >= last_slot", GRAPH),
    bug(
        "inside: what lies in an empty slot counts",
        "padded.py",
        "        features = tf.where(present, features, tf.zeros((), tf.float32))\n",
        "",
        "test_padded.py::test_scores_do_not_depend_on_padding_nor_on_what_lies_in_it",
    ),
    bug(
        "NaN agrees with any score",
        "agreement.py",
        "(np.isnan(found) & np.isnan(wanted))",
        "(np.isnan(found) | np.isnan(wanted))",
        "test_agreement.py",
    ),
    bug(
        "a hundred times as much is allowed",
        "tolerance.py",
        "TOLERANCE * max(1.0, rms)",
        "100 * TOLERANCE * max(1.0, rms)",
        "test_tolerance.py",
    ),
    bug(
        "files without a checksum pass",
        "bundle.py",
        "unlisted = sorted(_named(manifest) - _listed(manifest))",
        "unlisted: list[str] = []",
        "test_bundle.py::test_a_file_without_a_checksum_is_refused",
    ),
    bug(
        "the manifest's checksum is the one that it lists",
        "signing.py",
        "    return hashlib.sha256(content).hexdigest()",
        "    return listed",
        MANIFEST,
    ),
    bug(
        "the manifest's checksum leaves out the working points",
        "signing.py",
        "    digest = hashlib.sha256(text(_ZEROS).encode()).hexdigest()",
        "    digest = hashlib.sha256(text(_ZEROS).split('\"working_points\"')[0].encode()).hexdigest()",
        MANIFEST,
    ),
    bug(
        "the manifest lists columns of the score by name",
        "signing.py",
        "indent=1, ensure_ascii=False)",
        "indent=1, ensure_ascii=False, sort_keys=True)",
        ORDER,
    ),
    bug(
        "repeat.py: a manifest without its own checksum passes",
        "repeat.py",
        'found = [] if "manifest.json" in checksums else ["manifest.json"]',
        "found: list = []",
        "test_repeat.py::test_a_manifest_without_checksums_is_refused",
    ),
    bug(
        "an output has the name of the one before it",
        "outputs.py",
        "dict(zip(_output_names(model), model.outputs, strict=True))",
        "dict(zip(_output_names(model), [model.outputs[-1], *model.outputs[:-1]], strict=True))",
        OUTPUTS,
    ),
    bug(
        "raw jets: no jet has broken numbers",
        "raw_vectors.py",
        '    "no numbers": (5,),\n',
        "",
        RAW,
    ),
    bug(
        "raw jets: their tensors are not compared",
        "validate.py",
        "for row in (made, again) if row.failed",
        "for row in (again,) if row.failed",
        "test_raw_vectors.py::test_the_validation_sees_another_preprocessing",
    ),
    bug(
        "raw jets: their scores are those of now",
        "validate.py",
        "now, cases.expected[-1] = cases.expected[-1], vectors.score",
        "now = cases.expected[-1]",
        "test_raw_vectors.py::test_the_validation_sees_another_preprocessing",
    ),
    bug(
        "jets of a CMSSW package keep all corrections",
        "cmssw_jets.py",
        '"area": "L1FastJet"',
        '"area": ""',
        "test_cmssw_jets.py::test_defaults_follow_what_the_bundle_states",
    ),
    # --- lowering
    bug(
        "lowering: sizes are not tried beside k",
        "lowering/sizes.py",
        "        if node.op_type not in _COMPARING:\n            continue\n",
        "        continue\n",
        "lowering/test_sizes.py::test_sizes_lie_on_all_sides_of_what_they_are_compared_with",
    ),
    bug(
        "lowering: sizes are the same if they are so at one size",
        "lowering/rewrites.py",
        "key = tuple(graph.values[name])",
        "key = graph.values[name][0]",
        "test_neighbours.py::test_every_k_agrees_with_keras_below_and_beyond_it[grav_net-64]",
    ),
    bug(
        "lowering: fused attention loses a factor of the queries",
        "lowering/attention.py",
        "            factor *= by\n",
        "",
        FUSED,
    ),
    bug(
        "lowering: fused attention attends masked scores",
        "lowering/attention.py",
        "        scores.biases.append(shift.output[0])\n",
        "",
        FUSED,
    ),
    bug(
        "lowering: fused attention takes heads for depths",
        "lowering/attention.py",
        "_same(_moved(graph, chain, shapes), wanted)",
        "True",
        "lowering/test_attention.py::test_what_is_no_such_attention_stays",
    ),
    bug(
        "lowering: a reshape keeps what is so at one size",
        "lowering/rewrites.py",
        "            if all(axis < len(b) and",
        "            if any(axis < len(b) and",
        "lowering/test_rewrites.py",
        "lowering/test_optimiser.py",
    ),
    bug(
        "lowering: equal bytes are equal constants",
        "lowering/rewrites.py",
        "content = (values.dtype.str, values.shape, values.tobytes())",
        "content = (values.shape, values.tobytes())",
        "lowering/test_rewrites.py",
    ),
    bug(
        "lowering: erfc is 1 + erf",
        "lowering/rules.py",
        'make.end("Sub", make.constant(1, like=make.inputs[0]), make.add("Erf"',
        'make.end("Add", make.constant(1, like=make.inputs[0]), make.add("Erf"',
        "lowering/test_rules.py::test_a_rule_gives_what_tensorflow_gives[erfc]",
    ),
    bug(
        "lowering: left and right of sorted values exchanged",
        "lowering/rules.py",
        'lower = node.type == "LowerBound"',
        'lower = node.type == "UpperBound"',
        "lowering/test_rules.py::test_a_rule_gives_what_tensorflow_gives[left]",
    ),
    bug(
        "lowering: quotients of negative integers are cut",
        "lowering/rules.py",
        'make.end("Div", make.add("Sub", x, make.add("Mod", x, y)), y)',
        'make.end("Div", x, y)',
        "lowering/test_rules.py::test_a_rule_gives_what_tensorflow_gives[floor div]",
    ),
    bug(
        "lowering: the class -1 is the class 1",
        "lowering/rules.py",
        'make.end("Where", make.add("Equal", values, numbers), on, off)',
        'make.end("Where", make.add("Equal", make.add("Abs", values), numbers), on, off)',
        "lowering/test_rules.py::test_a_rule_gives_what_tensorflow_gives[one hot]",
    ),
    bug(
        "lowering: int8 of lists reduces what has no rows",
        "lowering/precision.py",
        "lists and ranks.get(node.input[0]) == 2",
        "False",
        "lowering/test_precision.py::test_int8_of_lists_without_rows",
    ),
    bug(
        "lowering: int8 has one scale for a batch",
        "lowering/precision.py",
        'made["int8/last"] = np.array([-1], np.int64)',
        'made["int8/last"] = np.array([0, -1], np.int64)',
        "lowering/test_precision.py::test_int8_of_a_row_does_not_depend_on_its_company",
    ),
    # --- C++ builder
    bug(
        "C++: the median is taken off after the factor",
        "cpp/include/e2e_tf/preprocess.hpp",
        "(value - median) * norm_factor",
        "value * norm_factor - median",
        BUILDER,
    ),
    bug(
        "C++: one neighbour more",
        "cpp/include/e2e_tf/graph.hpp",
        "std::min(k, n - 1)",
        "std::min(k + 1, n - 1)",
        BUILDER,
    ),
    bug(
        "C++: signed logarithm without its sign",
        "cpp/include/e2e_tf/transforms.hpp",
        "std::copysign(std::log1p(std::fabs(value)), value)",
        "std::log1p(std::fabs(value))",
        "test_cpp.py::test_transforms_and_delta_phi_are_those_of_python",
    ),
    bug(
        "C++: the leading track is the last of equal ones",
        "cpp/include/e2e_tf/detector.hpp",
        "heavier(pt.at(row), pt.at(best))",
        "!heavier(pt.at(best), pt.at(row))",
        OBJECTS,
    ),
    bug(
        "C++: edges between kinds in one direction",
        "cpp/include/e2e_tf/graph.hpp",
        " || (first[kind[j]] && second[kind[i]])",
        "",
        OBJECTS,
    ),
    bug(
        "C++: cones do not wrap in φ",
        "cpp/include/e2e_tf/event.hpp",
        "std::hypot(eta - axis_eta, delta_phi(phi, axis_phi))",
        "std::hypot(eta - axis_eta, phi - axis_phi)",
        EVENT,
    ),
    bug(
        "C++: a bin of pT holds its upper edge",
        "cpp/include/e2e_tf/working_point.hpp",
        "stored >= low[i] && stored < high[i]",
        "stored > low[i] && stored <= high[i]",
        POINT,
    ),
    bug(
        "C++: pT is compared in double precision",
        "cpp/include/e2e_tf/working_point.hpp",
        "const double stored = static_cast<float>(pt);",
        "const double stored = pt;",
        POINT,
    ),
    bug(
        "C++: a jet in no bin of pT passes at the last threshold",
        "cpp/include/e2e_tf/working_point.hpp",
        "    return false;\n  }\n};",
        "    return score >= static_cast<float>(thresholds.back());\n  }\n};",
        POINT,
    ),
    bug(
        "C++: bins of pT may overlap",
        "cpp/include/e2e_tf/working_point.hpp",
        " || (i > 0 && !(high[i - 1] <= low[i]))",
        "",
        POINT,
    ),
    bug(
        "C++: a score at the threshold does not pass",
        "cpp/include/e2e_tf/working_point.hpp",
        "return score >= static_cast<float>(thresholds[i]);",
        "return score > static_cast<float>(thresholds[i]);",
        POINT,
    ),
    bug(
        "C++: the density is that of the upper of two cells",
        "cpp/include/e2e_tf/event.hpp",
        "(total[total.size() / 2 - 1] + total[total.size() / 2]) / 2",
        "total[total.size() / 2]",
        EVENT,
    ),
)
