/// Objects of the document, field by field, each field known by a table. Private to formats/.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/complaints.hpp"
#include "formats/nearest.hpp"
#include "formats/scalars.hpp"
#include "formats/yaml_tree.hpp"

namespace baton::formats {

/// `Reader` has a member that reads the value of this field.
template <class Reader>
struct Field {
  std::string_view name;
  void (Reader::*read)(const YamlNode& value);
};

/// Complains (input.unknown_field) of a key that `known` lacks.
inline void complain_of_field(const YamlNode& key, const Subject& whose, std::span<const std::string_view> known,
                              Complaints& bad) {
  if (bad.any()) return;
  bad.add("input.unknown_field", key.place, whose.text() + " has no field " + quote(key.text),
          suggestion("its fields", key.text, known));
}

/// Reads each field of `object` by its line in the table. `whose` is what messages name.
template <class Reader, std::size_t n>
void read_fields(const YamlNode& object, const Subject& whose, const Field<Reader> (&table)[n], Reader& reader, Complaints& bad) {
  for (std::size_t i = 0; i < object.fields() && !bad.any(); ++i) {
    const Field<Reader>* found = nullptr;
    for (const auto& field : table) {
      if (field.name == object.key(i).text) found = &field;
    }
    if (found != nullptr) {
      (reader.*found->read)(object.value(i));
      continue;
    }
    std::vector<std::string_view> known;
    for (const auto& field : table) known.push_back(field.name);
    complain_of_field(object.key(i), whose, known, bad);
  }
}

/// True where `node` is an object; else complains.
inline bool is_object(const YamlNode& node, const Subject& subject, std::string_view wanted, Complaints& bad) {
  if (!node.is_object()) complain_of_type(node, subject, wanted, bad);
  return node.is_object();
}

}  // namespace baton::formats
