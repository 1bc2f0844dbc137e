//! README.md matches the code. Its examples are compiled as documentation tests.

#[test]
fn the_readme_contains_the_quickstart() {
    let example = include_str!("../../examples/quickstart.rs");
    let code = example.split_once("\n\n").map(|(_, code)| code);
    let code = code.expect("the quickstart begins with its docs and an empty line");
    assert!(include_str!("../../README.md").contains(code));
}
