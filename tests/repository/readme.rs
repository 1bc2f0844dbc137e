//! README.md matches the code. Its examples are compiled as documentation tests.

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let example = include_str!("../../examples/quickstart.rs");
    let code = example.split_once("\n\n").map(|(_, code)| code);
    let code = code.expect("the quickstart begins with its docs and an empty line");
    assert!(include_str!("../../README.md").contains(code));
}
