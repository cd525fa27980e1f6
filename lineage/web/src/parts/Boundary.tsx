// What is shown in place of a view that failed, until one goes elsewhere: the rest of the page goes on.
import { Component, type ReactNode } from "react";
import { Empty } from "./basics";

export class Boundary extends Component<{ where: string; children: ReactNode }, { error: Error | null }> {
  state = { error: null as Error | null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  componentDidUpdate(before: { where: string }) {
    if (this.state.error && before.where !== this.props.where) this.setState({ error: null });
  }

  render() {
    if (!this.state.error) return this.props.children;
    return (
      <Empty title="This view failed">
        <p>{this.state.error.message}</p>
        <button className="button" type="button" onClick={() => this.setState({ error: null })}>Try again</button>
      </Empty>
    );
  }
}
