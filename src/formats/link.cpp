#include "formats/link.hpp"

#include "formats/nearest.hpp"

namespace baton::formats {
namespace {

Selector selector_from(std::string_view item) {
  while (item.starts_with(' ')) item.remove_prefix(1);
  while (item.ends_with(' ')) item.remove_suffix(1);
  constexpr std::string_view begin = "${foreach.";
  if (item == "*") return {Selector::Kind::all, {}};
  if (item.starts_with(begin) && item.ends_with('}')) {
    return {Selector::Kind::variable, std::string(item.substr(begin.size(), item.size() - begin.size() - 1))};
  }
  return {Selector::Kind::word, std::string(item)};
}

std::vector<Selector> selectors_from(std::string_view inside) {
  std::vector<Selector> selectors;
  for (std::size_t start = 0;;) {
    const auto comma = inside.find(',', start);
    selectors.push_back(selector_from(inside.substr(start, comma == std::string_view::npos ? comma : comma - start)));
    if (comma == std::string_view::npos) return selectors;
    start = comma + 1;
  }
}

}  // namespace

Link read_link(const YamlNode& node, const Subject& subject, Complaints& bad) {
  Link link;
  link.text = text_of(node, subject, bad);
  link.place = node.place;
  const std::string_view text = link.text;
  const auto open = text.find('[');
  if (open == std::string_view::npos) {
    link.head = text;
    return link;
  }
  const auto close = text.rfind(']');  // no id holds one, so the last closes
  const auto rest = close == std::string_view::npos ? std::string_view() : text.substr(close + 1);
  if (close == std::string_view::npos || close < open || !(rest.empty() || rest.starts_with('.'))) {
    bad.add("input.bad_value", node.place, subject.text() + " is " + quote(text) + ", which is no link",
            "write node.port, node[*].port, node[value].port or node[${foreach.x}].port");
    return link;
  }
  link.head = text.substr(0, open);
  link.inside = text.substr(open + 1, close - open - 1);
  link.selectors = selectors_from(link.inside);
  if (!rest.empty()) link.port = rest.substr(1);
  return link;
}

}  // namespace baton::formats
