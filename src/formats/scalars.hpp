/// What a YAML value means: types of the YAML 1.2 core schema, durations, sizes, ids, canonical JSON.
/// Readers complain and give a neutral value where the document is wrong.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/model.hpp"
#include "formats/complaints.hpp"
#include "formats/yaml_tree.hpp"

namespace baton::formats {

enum class ScalarType : std::uint8_t { null, boolean, integer, number, text };
/// By the YAML 1.2 core schema: `yes`, `on` and `1_000` are text. Quoted scalars are always text.
[[nodiscard]] ScalarType type_of(const YamlNode& scalar);
/// "a list", "an object", "a number", … for messages.
[[nodiscard]] std::string_view describe(const YamlNode& node);

/// `[A-Za-z_][A-Za-z0-9_.-]{0,99}`: ids of nodes, ports, params and variables.
[[nodiscard]] bool is_id(std::string_view text);

/// What a message is about: `'timeout' of 'align'`, `the input 'i' of 'align'`. Made into text only when there is something to complain of.
struct Subject {
  std::string_view field;      ///< empty: `what` says it all
  std::string_view owner;      ///< empty: the document
  std::string_view what = {};  ///< comes first, unquoted
  [[nodiscard]] std::string text() const;
};

/// "'timeout' of 'align' must be a duration, not a list". Code input.wrong_type.
void complain_of_type(const YamlNode& node, const Subject& subject, std::string_view wanted, Complaints& bad,
                      std::string way_out = {});
/// Complains (input.bad_id) of a key that is no id; `what` says of what: "node", "port".
bool check_id(const YamlNode& key, std::string_view what, Complaints& bad);

/// A text that is not empty. A number, a boolean or null without quotes is a wrong type.
[[nodiscard]] std::string text_of(const YamlNode& node, const Subject& subject, Complaints& bad);
/// A text, or a number or boolean just as it is written: a word of a command, a variable of `env`. May be empty (in quotes).
[[nodiscard]] std::string word_of(const YamlNode& node, const Subject& subject, Complaints& bad);
[[nodiscard]] bool boolean_of(const YamlNode& node, const Subject& subject, Complaints& bad);
[[nodiscard]] std::int32_t integer_of(const YamlNode& node, const Subject& subject, std::int32_t min, std::int32_t max,
                                      Complaints& bad);
/// Not negative, at most 2⁵³.
[[nodiscard]] double amount_of(const YamlNode& node, const Subject& subject, Complaints& bad);
/// Bytes, from a plain number or a number with `B kB MB GB KiB MiB GiB`; not negative, at most 2⁵³, whole.
[[nodiscard]] double size_of(const YamlNode& node, const Subject& subject, Complaints& bad);
/// A number with `ms s m h d`; not negative, at most 3650 days.
[[nodiscard]] core::Duration duration_of(const YamlNode& node, const Subject& subject, Complaints& bad);

/// Canonical JSON. Refused: `.inf`, `.nan`, integers that need more than 64 bits, numbers with a leading zero (some readers take `010` for 8).
[[nodiscard]] core::Value value_of(const YamlNode& node, Complaints& bad);

}  // namespace baton::formats
